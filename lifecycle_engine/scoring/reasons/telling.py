"""Reasons as sentences in the reader's language."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from lifecycle_engine.scoring.classes import gives_classes
from lifecycle_engine.scoring.reasons.results import Change, Explained, Reason
from lifecycle_engine.scoring.reasons.words import days_of, place_of, words_of
from lifecycle_engine.scoring.written import score_written
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer


@dataclass(frozen=True)
class ReasonTold:
    """A reason as staff read it.

    Attributes:
        reason: what is told.
        sentence: what is so.
        raises: whether it raised the score; of a class whether it spoke for it.
        good: whether that is where the shop wants it.
        size: its size, in per cent of the customer's largest.
    """

    reason: Reason
    sentence: str
    raises: bool
    good: bool
    size: int


@dataclass(frozen=True)
class ChangeTold:
    """What would change a score, as staff read it."""

    change: Change
    sentence: str
    now: str
    score: str


def reasons_tell(explained: Explained, scorer_class: type[BaseScorer]) -> list[ReasonTold]:
    """A customer's reasons, the largest first."""
    # What speaks for a class is shown as what is wanted: it has no better and worse.
    wanted = "higher"
    if issubclass(scorer_class, Scorer) and not gives_classes(scorer_class):
        wanted = scorer_class.wanted
    largest = max((abs(reason.contribution) for reason in explained.reasons), default=0.0) or 1.0
    return [
        ReasonTold(
            reason=reason,
            sentence=reason_sentence(reason),
            raises=reason.contribution > 0,
            good=(reason.contribution > 0) == (wanted == "higher"),
            size=max(1, round(100 * abs(reason.contribution) / largest)),
        )
        for reason in explained.reasons
    ]


def changes_tell(
    explained: Explained,
    scorer_class: type[BaseScorer],
    *,
    written: Callable[[float], str] | None = None,
) -> list[ChangeTold]:
    """What would change the score, in the order of ``Explained.changes``.

    Args:
        explained: the customer's reasons.
        scorer_class: of which scorer.
        written: writes what would come of it, such as a class's name; by default as a score.
    """
    return [
        ChangeTold(
            change=change,
            sentence=_sentence(change.feature, change.then),
            now=words_of(change.feature).written(change.now),
            score=written(change.score) if written else score_written(change.score, scorer_class),
        )
        for change in explained.changes
    ]


def reason_sentence(reason: Reason) -> str:
    """What is so of the customer, beside what is usual for it, or typical of customers."""
    words = words_of(reason.feature)
    if reason.value is None or (words.nominal and not reason.text):
        return str(words.none) % _known(reason.feature)
    if words.nominal:
        return str(words.sentence) % {"value": reason.text, **_known(reason.feature)}
    sentence = _sentence(reason.feature, reason.value)
    if reason.usual is not None:
        usually = str(words.usually) or _("usually %(value)s")
        beside = usually % {"value": words.written(reason.usual)}
    elif reason.typical is not None:
        beside = _("typical: %(value)s") % {"value": words.written(reason.typical)}
    else:
        return sentence
    return _("%(sentence)s; %(beside)s") % {"sentence": sentence, "beside": beside}


def _sentence(feature: str, value: float) -> str:
    words = words_of(feature)
    return str(words.sentence) % {"value": words.written(value), **_known(feature)}


def _known(feature: str) -> dict[str, int | None]:
    """What a sentence may say of the feature itself."""
    return {"days": days_of(feature), "place": place_of(feature)}
