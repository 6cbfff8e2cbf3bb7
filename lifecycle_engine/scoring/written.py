"""Scores as they are read: per cent, amounts, days, and what classes are called."""

from collections.abc import Sequence

from lifecycle_engine.scoring.classes import class_names
from lifecycle_engine.scoring.models import Score, ScoreHistory
from lifecycle_engine.scoring.reasons.values import chance, days, money, number, orders
from lifecycle_engine.sdk.scorers import Amount, BaseScorer, Probability, scorers

_UNITS = {"money": money, "days": days, "orders": orders}


def score_written(value: float, scorer_class: type[BaseScorer]) -> str:
    """A score as its kind is written."""
    output = getattr(scorer_class, "output", None)
    if isinstance(output, Probability):
        return chance(value)
    written = _UNITS.get(output.unit, number) if isinstance(output, Amount) else number
    return written(value)


def scores_written(scores: Sequence[Score | ScoreHistory]) -> list[str]:
    """Each score as it is written, in their order; of a plugin that is gone as a bare number.

    One query for what classes are called, however many scores.
    """
    keys = {score.scorer_key for score in scores}
    known = {key: scorers.get(key) for key in keys if key in scorers}
    return [
        name or _written(score.value, known.get(score.scorer_key))
        for score, name in zip(scores, class_names(scores=scores), strict=True)
    ]


def _written(value: float, scorer_class: type[BaseScorer] | None) -> str:
    return f"{value:.4g}" if scorer_class is None else score_written(value, scorer_class)
