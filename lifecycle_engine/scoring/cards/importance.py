"""Which features a model leans on: what shuffling one costs on the window that judges it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.scoring.measures import Floats, metrics_for
from lifecycle_engine.sdk.scorers import Amount, Probability

#: Bounds the cost: features x ``REPEATS`` predictions of so many rows.
ROWS_MOST = 1_000
REPEATS = 2
#: Rows that are predicted at once: most models take as long for a thousand rows as for many more.
_BLOCK = 50_000


def feature_importance(
    output: Probability | Amount,
    predict: Callable[[pd.DataFrame], Floats],
    *,
    frame: pd.DataFrame,
    target: Floats,
    rng: np.random.Generator,
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
    shuffles = [feature for feature in frame.columns for _ in range(REPEATS)]
    at_once = max(1, _BLOCK // max(len(frame), 1))
    losses: dict[str, list[float]] = {feature: [] for feature in frame.columns}
    for start in range(0, len(shuffles), at_once):
        part = shuffles[start : start + at_once]
        # By assignment of one column: the frame itself stays as it is.
        stacked = pd.concat(
            [frame.assign(**{name: rng.permutation(frame[name].to_numpy())}) for name in part]
        )
        for name, said in zip(part, np.split(predict(stacked), len(part)), strict=True):
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
