"""Why a customer has its scores, on the customer's page."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring.classes import class_name, gives_classes
from lifecycle_engine.scoring.errors import ScoringError
from lifecycle_engine.scoring.models import Score
from lifecycle_engine.scoring.monitoring.uses import uses_published
from lifecycle_engine.scoring.reasons.results import Explained
from lifecycle_engine.scoring.reasons.selectors import is_explaining, reasons_of
from lifecycle_engine.scoring.reasons.telling import (
    ChangeTold,
    ReasonTold,
    changes_tell,
    reasons_tell,
)
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.scoring.written import score_written
from lifecycle_engine.sdk.scorers import scorers

#: Scores that differ by less than this part are the same.
_SAME = 0.01


@dataclass(frozen=True)
class ScoreTold:
    """A score with its reasons.

    Attributes:
        score: the score.
        label: what it is a score of.
        value: what it is.
        reasons: what moved it; empty where that is not worked out.
        changes: what would change it.
        explains: whether its scorer says why at all.
        by_baseline: whether it is the baseline's, published in the model's place.
        now: what it would be with what came in since; empty where that is the same.
        rival: of a class what the one is called that came closest to it; else empty.
    """

    score: Score
    label: str
    value: str
    reasons: list[ReasonTold]
    changes: list[ChangeTold]
    explains: bool
    by_baseline: bool
    now: str = ""
    rival: str = ""


def scores_told(*, customer: Customer) -> list[ScoreTold]:
    """The customer's scores whose plugins are there, each with its reasons."""
    rows = Score.objects.filter(customer=customer).select_related("model_version")
    scores = [row for row in rows.order_by("scorer_key") if row.scorer_key in scorers]
    found, uses = reasons_of(scores=scores), uses_published(scores=scores)
    told = []
    for score in scores:
        scorer_class = scorers.get(score.scorer_key)
        explained, use = found.get(score.pk), uses.get((score.scorer_key, score.as_of), Use.MODEL)
        told.append(
            ScoreTold(
                score=score,
                label=str(scorer_class.label),
                value=_written(score, score.value),
                reasons=reasons_tell(explained, scorer_class) if explained else [],
                changes=_changes(score, explained) if explained else [],
                explains=is_explaining(scorer_class, use=use),
                by_baseline=use is Use.BASELINE,
                now="" if explained is None else _now(score, explained.score),
                rival=_rival(score, explained),
            )
        )
    return told


def _written(score: Score, value: float) -> str:
    """A score of the model, or a class's name."""
    named = class_name(score.model_version, value)
    return named or score_written(value, scorers.get(score.scorer_key))


def _changes(score: Score, explained: Explained) -> list[ChangeTold]:
    scorer_class = scorers.get(score.scorer_key)
    return changes_tell(explained, scorer_class, written=partial(_written, score))


def _now(score: Score, value: float) -> str:
    """What the score would be, where that is something else; of classes each is."""
    margin = 0.0 if gives_classes(scorers.get(score.scorer_key)) else _SAME * abs(score.value)
    return "" if abs(value - score.value) <= margin else _written(score, value)


def _rival(score: Score, explained: Explained | None) -> str:
    if explained is None or explained.rival is None:
        return ""
    return _written(score, explained.rival)


@require_POST
def score_explain_view(request: HttpRequest, score_id: int) -> HttpResponse:
    """Work out why a customer has a score, and go back to the customer's page.

    Raises:
        PermissionDenied: this member of staff may not see customers.
    """
    if not request.user.has_perm("customers.view_customer"):
        raise PermissionDenied
    score = get_object_or_404(Score.objects.select_related("model_version"), pk=score_id)
    # Models want scikit-learn, which no other page does: it is loaded when somebody asks.
    from lifecycle_engine.scoring.reasons import services  # noqa: PLC0415

    try:
        services.reasons_ask(score=score)
    except ScoringError as error:
        messages.error(request, _("The reasons could not be worked out: %s") % error)
    url = reverse("admin:customers_customer_change", args=[score.customer_id])
    return HttpResponseRedirect(f"{url}#reasons")


def reasons_context(*, customer: Customer) -> dict[str, Any]:
    """What the customer's page says of the reasons."""
    return {"scores_told": scores_told(customer=customer)}
