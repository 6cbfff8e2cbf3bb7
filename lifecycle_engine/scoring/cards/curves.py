"""The curves of a model card: who is reached by calling the best first, and honest numbers."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifecycle_engine.core.intervals import Z, wilson_interval
from lifecycle_engine.scoring.measures import Floats, Weights
from lifecycle_engine.scoring.metrics import interval, resamples
from lifecycle_engine.sdk.scorers import Amount, Probability

#: Shares of the customers at which the gain is told.
SHARES = tuple(round(0.05 * step, 2) for step in range(1, 21))
BINS = 10


@dataclass(frozen=True)
class GainPoint:
    """What calling a share of the customers, the highest scores first, reaches of the whole.

    Attributes:
        share: the share of customers.
        model: the share of those of whom it came true, or of the total amount, that they hold.
        low: lower end of its 95 % interval.
        high: upper end of it.
        baseline: what as many hold by the baseline. The share itself is what chance would.
    """

    share: float
    model: float
    low: float
    high: float
    baseline: float

    @property
    def lift(self) -> float:
        """How many times as much as by chance."""
        return self.model / self.share


@dataclass(frozen=True)
class CalibrationPoint:
    """What the model said of customers with similar scores, and what came true of them.

    Attributes:
        said: the mean score.
        came_true: the mean outcome.
        low: lower end of its 95 % interval: Wilson's for a share, the normal one for an amount.
        high: upper end of it.
        rows: how many customers.
    """

    said: float
    came_true: float
    low: float
    high: float
    rows: int


def curves(
    output: Probability | Amount,
    *,
    target: Floats,
    model: Floats,
    baseline: Floats,
    rng: np.random.Generator,
    customers: NDArray[np.int64] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Both curves as JSON; ``customers`` as in ``metrics.resamples``."""
    gain = gain_curve(target=target, model=model, baseline=baseline, rng=rng, customers=customers)
    calibration = calibration_curve(output, target=target, score=model)
    return {
        "gain": [asdict(point) | {"lift": point.lift} for point in gain],
        "calibration": [asdict(point) for point in calibration],
    }


def gain_curve(
    *,
    target: Floats,
    model: Floats,
    baseline: Floats,
    rng: np.random.Generator,
    customers: NDArray[np.int64] | None = None,
) -> list[GainPoint]:
    """The gain at each of ``SHARES``; among equal scores those who hold least come first."""
    everybody = np.ones((1, len(target)))
    drawn = resamples(target, rng, customers=customers)
    samples = np.concatenate([_gains(target, model, part) for part in drawn])
    ours, theirs = (_gains(target, score, everybody)[0] for score in (model, baseline))
    return [
        GainPoint(share, float(ours[i]), *interval(samples[:, i]), float(theirs[i]))
        for i, share in enumerate(SHARES)
    ]


def _gains(target: Floats, score: Floats, weights: Weights) -> Floats:
    best_first = np.lexsort((target, -score))
    counted = np.cumsum(weights[:, best_first], axis=1)
    held = np.cumsum(weights[:, best_first] * target[best_first], axis=1)
    found = np.full((len(weights), len(SHARES)), np.nan)
    for row, (count, hold) in enumerate(zip(counted, held, strict=True)):
        if hold[-1] > 0:
            wanted = np.array(SHARES) * count[-1]
            reached = np.interp(wanted, np.append(0.0, count), np.append(0.0, hold))
            found[row] = reached / hold[-1]
    return found


def calibration_curve(
    output: Probability | Amount, *, target: Floats, score: Floats
) -> list[CalibrationPoint]:
    """What came true in each of ``BINS`` groups of equal size, by ascending score."""
    parts = np.array_split(np.argsort(score, kind="stable"), BINS)
    return [_point(output, target[part], score[part]) for part in parts if len(part)]


def _point(output: Probability | Amount, target: Floats, score: Floats) -> CalibrationPoint:
    mean, rows = float(target.mean()), len(target)
    if isinstance(output, Probability):
        low, high = wilson_interval(int(target.sum()), rows)
    else:
        reach = Z * float(target.std(ddof=1)) / rows**0.5 if rows > 1 else 0.0
        low, high = max(0.0, mean - reach), mean + reach
    return CalibrationPoint(float(score.mean()), mean, low, high, rows)
