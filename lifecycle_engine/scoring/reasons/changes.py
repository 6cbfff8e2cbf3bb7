"""What would change a score or a class: the model's answers if one thing to act on were another."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.scoring.reasons.results import Change
from lifecycle_engine.scoring.reasons.words import actionable, comes_with_orders, days_of
from lifecycle_engine.sdk.scorers import Scorer

#: Changes kept of a customer.
SHOWN = 3
#: What moves a score by less than this part of it is not worth an act.
_LEAST = 0.02


def changes_find(
    scorer: Scorer,
    frame: pd.DataFrame,
    *,
    scores: "pd.Series[float]",
    typical: Mapping[str, Sequence[float]],
) -> list[tuple[Change, ...]]:
    """For each row the changes that bring the score furthest to where it is wanted.

    One feature at a time is set to what is typical of other customers, nothing else moves. It is
    what the model would say, and no proof that acting on it helps.
    """
    tried = _tried(frame, typical)
    best: list[dict[str, tuple[float, Change]]] = [{} for _ in range(len(frame))]
    if not tried or frame.empty:
        return [() for _ in best]
    answers = _answers(scorer, frame, tried)
    before = scores.to_numpy(float)
    gains = (answers - before) * (1.0 if scorer.wanted == "higher" else -1.0)
    for number, (name, then) in enumerate(tried):
        now = frame[name].to_numpy(float)
        worth = gains[number] > _LEAST * np.abs(before)
        for row in np.flatnonzero(worth & _possible(frame, name, then)):
            gain = float(gains[number, row])
            if name not in best[row] or gain > best[row][name][0]:
                change = Change(name, float(now[row]), float(then), float(answers[number, row]))
                best[row][name] = gain, change
    return [
        tuple(change for _, change in sorted(found.values(), key=lambda item: -item[0])[:SHOWN])
        for found in best
    ]


def class_changes_find(
    scorer: Scorer,
    frame: pd.DataFrame,
    *,
    scores: "pd.Series[float]",
    typical: Mapping[str, Sequence[float]],
) -> list[tuple[Change, ...]]:
    """For each row the smallest changes that bring the customer into another class.

    As for a score one feature at a time is set to what is typical of others. No class is better
    than another, so what counts is how little it takes: how many of the feature's typical values
    lie between what is and what would be. Of each feature the nearest such value is told.
    """
    tried = _tried(frame, typical)
    best: list[dict[str, tuple[float, Change]]] = [{} for _ in range(len(frame))]
    if not tried or frame.empty:
        return [() for _ in best]
    answers, own = _answers(scorer, frame, tried), scores.to_numpy(float)
    for number, (name, then) in enumerate(tried):
        now, steps = frame[name].to_numpy(float), sorted(set(typical[name]))
        far = np.abs(np.interp(now, steps, range(len(steps))) - steps.index(then))
        moved = (answers[number] != own) & _possible(frame, name, then)
        for row in np.flatnonzero(moved):
            size = float(far[row])
            if name not in best[row] or size < best[row][name][0]:
                change = Change(name, float(now[row]), float(then), float(answers[number, row]))
                best[row][name] = size, change
    return [
        tuple(change for _, change in sorted(found.values(), key=lambda item: item[0])[:SHOWN])
        for found in best
    ]


def _tried(frame: pd.DataFrame, typical: Mapping[str, Sequence[float]]) -> list[tuple[str, float]]:
    """Features that can be acted on, each with every value that is typical of others."""
    return [
        (str(name), value)
        for name in frame.columns
        if actionable(str(name)) and str(name) in typical
        for value in sorted(set(typical[str(name)]))
    ]


def _possible(frame: pd.DataFrame, name: str, then: float) -> NDArray[np.bool_]:
    """Of whom the feature is something else, and can change by itself."""
    now = frame[name].to_numpy(float)
    found: NDArray[np.bool_] = np.isfinite(now) & (now != then) & _alone(frame, name)
    return found


def _answers(
    scorer: Scorer, frame: pd.DataFrame, tried: Sequence[tuple[str, float]]
) -> NDArray[np.float64]:
    """The scores if one feature were another, (tried, customers); one call costs least."""
    whole = pd.concat([frame.assign(**{name: value}) for name, value in tried])
    found: NDArray[np.float64] = scorer.predict(whole).to_numpy(float)
    return found.reshape(len(tried), len(frame))


def _alone(frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    """Of whom it can change by itself: what comes with orders can't where there are none."""
    days = days_of(name)
    if not comes_with_orders(name) or days is None or "recency_days" not in frame:
        return np.ones(len(frame), dtype=bool)
    found: NDArray[np.bool_] = frame["recency_days"].to_numpy(float) <= days
    return found
