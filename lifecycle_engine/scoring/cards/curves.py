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
        rows: how many rows; a customer has one for each window that judges.
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
    calibration = calibration_curve(output, target=target, score=model, customers=customers)
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
    output: Probability | Amount,
    *,
    target: Floats,
    score: Floats,
    customers: NDArray[np.int64] | None = None,
) -> list[CalibrationPoint]:
    """What came true in each of ``BINS`` groups of equal size, by ascending score.

    Args:
        output: what the scores are.
        target: what came true.
        score: what was said.
        customers: whose each row is, where one may have several; by default each has one.
    """
    whose = np.arange(len(target)) if customers is None else customers
    parts = np.array_split(np.argsort(score, kind="stable"), BINS)
    return [_point(output, target[part], score[part], whose[part]) for part in parts if len(part)]


def _point(
    output: Probability | Amount, target: Floats, score: Floats, whose: NDArray[np.int64]
) -> CalibrationPoint:
    mean, rows = float(target.mean()), len(target)
    worth = _rows_worth(target, whose)
    if isinstance(output, Probability):
        low, high = wilson_interval(mean * worth, worth)
    else:
        reach = Z * float(target.std()) / (worth - 1) ** 0.5 if worth > 1 else 0.0
        low, high = max(0.0, mean - reach), mean + reach
    return CalibrationPoint(float(score.mean()), mean, low, high, rows)


def _rows_worth(target: Floats, whose: NDArray[np.int64]) -> float:
    """How many independent rows say as much of the mean: the rows by their design effect.

    The effect is how much the variance of the mean grows by customers' rows being alike (L. Kish,
    Survey Sampling, 1965; in intervals of shares: E. Korn & B. Graubard, Survey Methodology 24,
    1998). It counts as 1 where it is smaller, and as if all of a customer's rows were the same
    where none of them differs from another.
    """
    apart = target - target.mean()
    known, of = np.unique(whose, return_inverse=True)
    alone = float((apart**2).sum())
    if alone == 0:
        return float(len(known))
    together = float((np.bincount(of, apart) ** 2).sum())
    return len(target) / max(1.0, together / alone)
