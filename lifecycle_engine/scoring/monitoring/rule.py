"""The rule of what is published, as pure functions: the model's scores, or its baseline's.

Nothing here reads the database, so whoever replays history can ask the same questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifecycle_engine.scoring.use_models import Use, UseCause
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer

#: Fallbacks by outcomes within two horizons after which only staff go back to the model.
FALLBACKS_MOST = 2


@dataclass(frozen=True)
class Fallback:
    """Why a scorer publishes its baseline.

    Attributes:
        cause: what brought it about.
        judged_as_of: as of when the scores were published whose outcomes decided, if they did.
        count: fallbacks by outcomes within the last two horizons, this one among them.
    """

    cause: UseCause
    judged_as_of: datetime | None = None
    count: int = 1


@dataclass(frozen=True)
class CardSays:
    """What a model's card says of it beside its baseline, on the window held back.

    Attributes:
        better: whether the metric that decides is better than the baseline's; None if unknown.
        shown: whether it is with 95 % certainty: the interval of the difference leaves 0 out.
        since: when that window began.
    """

    better: bool | None = None
    shown: bool = False
    since: datetime | None = None

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> "CardSays":
        """Read a card; one that says nothing is one of a model that is not judged."""
        better = card.get("better_than_baseline")
        window = card.get("validation") or {}
        metrics = window.get("metrics") or {}
        metric = metrics.get(card.get("decided_by"))
        began = window.get("from")
        return cls(
            better=None if better is None else bool(better),
            shown=metric is not None and shown(metric) > 0,
            since=datetime.fromisoformat(began) if began else None,
        )


def shown(metric: Mapping[str, Any]) -> int:
    """1 where a model is shown to be better than its baseline, -1 where worse, else 0.

    Args:
        metric: ``Comparison.as_json()``, with the 95 % interval of the difference.
    """
    low, high = float(metric["low"]), float(metric["high"])
    way = 1 if metric["higher_is_better"] else -1
    return way if low > 0 else -way if high < 0 else 0


def published(card: CardSays, *, can_fall_back: bool, fallback: Fallback | None = None) -> Use:
    """Which of model and baseline a run publishes, when a model becomes the champion by the rule.

    A model that does not beat its baseline gives way to it. After a fallback the baseline stays
    until a champion beats it; where outcomes brought the fallback about, until one is shown to beat
    it on a window that began later than the scores that were judged, and after a second fallback
    within two horizons until staff say so.

    Args:
        card: what the champion's card says.
        can_fall_back: whether the baseline can stand in (``can_fall_back``).
        fallback: the fallback that holds, if one does.
    """
    if not can_fall_back:
        return Use.MODEL
    if fallback is None or fallback.cause in (UseCause.NOT_BETTER, UseCause.FAILING):
        lost = card.better is False if fallback is None else not card.better
        return Use.BASELINE if lost else Use.MODEL
    if fallback.cause is UseCause.HAND or fallback.count >= FALLBACKS_MOST:
        return Use.BASELINE
    newer = fallback.judged_as_of is None or (
        card.since is not None and card.since > fallback.judged_as_of
    )
    return Use.MODEL if card.shown and newer else Use.BASELINE


def can_fall_back(scorer_class: type[BaseScorer]) -> bool:
    """Whether the baseline says the same thing as the model, so that it can be published for it.

    Where a model is judged by something else than what it publishes (``Scorer.judged``), so is its
    baseline: it would be another quantity under the same name.
    """
    return not (issubclass(scorer_class, Scorer) and scorer_class.is_judged_apart())
