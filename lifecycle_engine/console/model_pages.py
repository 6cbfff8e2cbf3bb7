"""What staff do with a model version on its card: promote, roll back, shadow, retire."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from lifecycle_engine.console.challengers import challenges_shown
from lifecycle_engine.scoring.change_models import ModelChange
from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.models import ModelState, ModelVersion
from lifecycle_engine.scoring.monitoring.selectors import challenges_of
from lifecycle_engine.scoring.monitoring.uses import BASELINE_IN_USE, use_open
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.scoring.versions import model_before, model_move, model_roll_back

_CHANGES_SHOWN = 10
#: What the rule says (``scoring.contests``), in the reader's language.
_REASONS = {
    "the first model": gettext_lazy("the first model"),
    "not better than its baseline": gettext_lazy("not better than its baseline"),
    "staff promote this scorer's models": gettext_lazy("staff promote this scorer's models"),
    "better than its baseline": gettext_lazy("better than its baseline"),
    "the champion wants other features": gettext_lazy("the champion wants other features"),
    "the champion has seen the newest window": gettext_lazy(
        "the champion has seen the newest window"
    ),
    "better than the champion": gettext_lazy("better than the champion"),
    "the same recipe on newer data, not worse": gettext_lazy(
        "the same recipe on newer data, not worse"
    ),
    "worse than the champion": gettext_lazy("worse than the champion"),
    "not shown to be better than the champion": gettext_lazy(
        "not shown to be better than the champion"
    ),
}


def changes_context(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    """What can be done with the version, and what was done with the scorer's models."""
    champion = version.state == ModelState.CHAMPION
    if champion:
        back = [("roll_back", _("Roll back to the one before"))]
        moves = back if model_before(champion=version) else []
    else:
        moves = [
            (state.value, label)
            for state, label in (
                (ModelState.CHAMPION, _("Promote")),
                (ModelState.SHADOW, _("Make it the shadow")),
                (ModelState.CHALLENGER, _("Make a challenger")),
                (ModelState.RETIRED, _("Retire")),
            )
            if state != version.state
        ]
    changes = ModelChange.objects.filter(scorer_key=version.scorer_key).select_related(
        "model_version"
    )
    return {
        "moves": moves,
        "may_change": request.user.has_perm("scoring.change_modelversion"),
        "changes": [_change(change) for change in changes.order_by("-pk")[:_CHANGES_SHOWN]],
        "decision": _decision(version),
        "stood_in": _stood_in(version),
        "challengers": challenges_shown(challenges_of(version=version)),
    }


def reason_words(reason: str) -> str:
    """What the rule said, or what staff wrote."""
    return str(_REASONS.get(reason, reason))


@require_POST
def model_move_view(request: HttpRequest, version_id: int) -> HttpResponse:
    """Do what was asked, with the reason that was given."""
    if not request.user.has_perm("scoring.change_modelversion"):
        raise PermissionDenied
    version = get_object_or_404(ModelVersion, pk=version_id)
    reason, by = request.POST.get("reason", ""), request.user.get_username()
    to = request.POST.get("to", "")
    try:
        if to == "roll_back":
            moved = model_roll_back(scorer_key=version.scorer_key, reason=reason, by=by)
        elif to in ModelState.values:
            moved = model_move(version_id=version.pk, to=ModelState(to), reason=reason, by=by)
        else:
            raise ModelChangeError(f"There is no state {to!r}")
    except ModelChangeError as error:
        messages.error(request, str(error))
    else:
        state = moved.get_state_display()
        messages.success(request, _("%(model)s: %(state)s") % {"model": moved, "state": state})
    return HttpResponseRedirect(reverse("admin:scoring_modelversion_change", args=[version.pk]))


def _decision(version: ModelVersion) -> dict[str, Any] | None:
    decision: dict[str, Any] | None = version.card.get("decision")
    if not decision:
        return None
    return decision | {"reason": reason_words(decision["reason"])}


def _stood_in(version: ModelVersion) -> str:
    """Why the baseline is published in the champion's place; empty where it is not."""
    held = use_open(scorer_key=version.scorer_key)
    if held is None or held.use != Use.BASELINE or version.state != ModelState.CHAMPION:
        return ""
    return str(held.get_cause_display())


def _change(change: ModelChange) -> dict[str, Any]:
    states: dict[str, Any] = {**dict(ModelState.choices), BASELINE_IN_USE: _("Baseline in use")}
    return {
        "number": change.model_version.number,
        "before": states.get(change.before, change.before) or "–",
        "after": states.get(change.after, change.after),
        "cause": change.get_cause_display(),
        "reason": reason_words(change.reason),
        "by": change.by,
        "at": change.at,
    }
