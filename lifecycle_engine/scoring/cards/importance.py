"""Which features a model leans on: what shuffling one costs on the window that judges it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.scoring.measures import Floats, metrics_for
from lifecycle_engine.sdk.scorers import Output

#: Bounds the cost: features x ``REPEATS`` predictions of so many rows.
ROWS_MOST = 1_000
REPEATS = 2
#: Rows that are predicted at once: most models take as long for a thousand rows as for many more.
_BLOCK = 50_000


def feature_importance(
    output: Output,
    predict: Callable[[pd.DataFrame], Floats],
    *,
    frame: pd.DataFrame,
    target: Floats,
    rng: np.random.Generator,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """By how much the metric that decides gets worse without each feature, the largest first.

    Breiman's permutation importance (2001). Features that say the same stand in for one another,
    so that each of them looks less important than both together are.

    Args:
        output: what the scorer gives.
        predict: the model.
        frame: rows that it has not learned from.
        target: what came true.
        rng: draws rows and shuffles.
        groups: the columns that are shuffled together, by the name that they go by; by default
            each alone.
    """
    if len(frame) > ROWS_MOST:
        rows = np.sort(rng.choice(len(frame), ROWS_MOST, replace=False))
        frame, target = frame.iloc[rows], target[rows]
    (decides, (metric, higher_is_better)), *_ = metrics_for(output).items()
    everybody = np.ones((1, len(target)))

    def quality(said: Floats) -> float:
        return float(metric(target, said)(everybody)[0])

    whole = quality(predict(frame))
    sign = 1.0 if higher_is_better else -1.0
    together = {name: [name] for name in frame.columns} if groups is None else groups
    losses: dict[str, list[float]] = {name: [] for name in together}
    for name, said in _shuffled(predict, frame, rng, together):
        losses[name].append(sign * (whole - quality(said)))
    found = [
        {
            "feature": name,
            "metric": decides,
            "loss": float(np.mean(of_one)),
            "low": min(of_one),
            "high": max(of_one),
        }
        for name, of_one in losses.items()
    ]
    return sorted(found, key=lambda one: -float(str(one["loss"])))


def _shuffled(
    predict: Callable[[pd.DataFrame], Floats],
    frame: pd.DataFrame,
    rng: np.random.Generator,
    groups: Mapping[str, Sequence[str]],
) -> Iterator[tuple[str, Floats]]:
    """What the model says with each feature shuffled, ``REPEATS`` times each."""
    shuffles = [name for name in groups for _ in range(REPEATS)]
    at_once = max(1, _BLOCK // max(len(frame), 1))
    for start in range(0, len(shuffles), at_once):
        part = shuffles[start : start + at_once]
        stacked = pd.concat([_permuted(frame, groups[name], rng) for name in part])
        yield from zip(part, np.split(predict(stacked), len(part)), strict=True)


def _permuted(
    frame: pd.DataFrame, columns: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    """The rows with some columns of other rows; the frame itself stays as it is."""
    if len(columns) == 1:
        return frame.assign(**{columns[0]: rng.permutation(frame[columns[0]].to_numpy())})
    other = rng.permutation(len(frame))
    changed = frame.copy()
    changed[list(columns)] = frame[list(columns)].to_numpy()[other]
    return changed
