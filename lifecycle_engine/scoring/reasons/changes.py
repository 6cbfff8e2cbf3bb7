"""What would change a score: the model's answers if one thing to act on were another."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.scoring.reasons.results import Change
from lifecycle_engine.scoring.reasons.words import actionable
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
    names = [str(name) for name in frame.columns if actionable(str(name)) and name in typical]
    better: list[list[tuple[float, Change]]] = [[] for _ in range(len(frame))]
    towards = 1.0 if scorer.wanted == "higher" else -1.0
    before = scores.to_numpy(float)
    for name in names if len(frame) else ():
        now = frame[name].to_numpy(float)
        tried = np.unique(np.asarray(typical[name], dtype=float))
        answers = np.stack([_answers(scorer, frame, name, value) for value in tried])
        gains = towards * (answers - before)
        best = gains.argmax(axis=0)
        for row in np.flatnonzero(np.isfinite(now)):
            gain, then = float(gains[best[row], row]), float(tried[best[row]])
            if then != now[row] and gain > _LEAST * abs(before[row]):
                score = float(answers[best[row], row])
                better[row].append((gain, Change(name, float(now[row]), then, score)))
    return [
        tuple(change for _, change in sorted(found, key=lambda item: -item[0])[:SHOWN])
        for found in better
    ]


def _answers(scorer: Scorer, frame: pd.DataFrame, name: str, value: float) -> NDArray[np.float64]:
    found: NDArray[np.float64] = scorer.predict(frame.assign(**{name: value})).to_numpy(float)
    return found
