"""Whether a task is better off in the shared network than in one of its own."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Measure: TypeAlias = Callable[[Floats, Floats], float]

_RESAMPLES = 100
#: Of more customers so many are drawn: each resample asks for two metrics of every seed.
_ROWS_MOST = 10_000
#: Above it Student's distribution is the normal one.
_FREEDOM_MOST = 1e6


@dataclass(frozen=True)
class Sharing:
    """The metric that decides of the shared network beside that of a network for the task alone.

    Attributes:
        metric: its name.
        higher_is_better: which way is up.
        seeds: of how many trainings of each the figures are means.
        shared: of the shared network.
        single: of the network that has learned this task alone, from the same days.
        low: where the 95 % interval of shared minus single begins.
        high: where it ends.
        verdict: what the interval says.
    """

    metric: str
    higher_is_better: bool
    seeds: int
    shared: float
    single: float
    low: float
    high: float
    verdict: Literal["helps", "hurts", "unclear"]

    def as_json(self) -> dict[str, Any]:
        """For the model card."""
        return asdict(self)


def sharing_judged(
    truth: Floats,
    shared: Sequence[Floats],
    single: Sequence[Floats],
    *,
    is_amount: bool,
    rng: np.random.Generator,
) -> Sharing:
    """Compare what two kinds of network said of customers whom none has seen.

    The interval tells of the customers and of the luck of the seed.

    Args:
        truth: what came true.
        shared: what the shared network said, by seed; two at least.
        single: what the network for the task alone said, of the same seeds.
        is_amount: whether the task is an amount: then by the mean absolute error, else by the
            average precision, as the engine decides.
        rng: draws the resamples.
    """
    if len(truth) > _ROWS_MOST:
        drawn = rng.choice(len(truth), _ROWS_MOST, replace=False)
        truth = truth[drawn]
        shared, single = [one[drawn] for one in shared], [one[drawn] for one in single]
    measure = _mae if is_amount else _average_precision()
    pairs = [
        (measure(truth, one), measure(truth, other))
        for one, other in zip(shared, single, strict=True)
    ]
    by_seed = np.array([one - other for one, other in pairs])
    reach = _reach(by_seed, _customers_variance(truth, shared, single, measure, rng))
    low, high = float(by_seed.mean()) - reach, float(by_seed.mean()) + reach
    better, worse = (high < 0, low > 0) if is_amount else (low > 0, high < 0)
    return Sharing(
        metric="mae" if is_amount else "average_precision",
        higher_is_better=not is_amount,
        seeds=len(pairs),
        shared=float(np.mean([one for one, _ in pairs])),
        single=float(np.mean([other for _, other in pairs])),
        low=low,
        high=high,
        verdict="helps" if better else "hurts" if worse else "unclear",
    )


def _reach(by_seed: Floats, of_customers: float) -> float:
    """How far the 95 % interval reaches from the mean difference.

    The variance of the mean over seeds and that over resampled customers, added up, with Student's
    quantile by the degrees of freedom of Satterthwaite ("An Approximate Distribution of Estimates
    of Variance Components", Biometrics Bulletin 2(6), 1946).
    """
    from scipy.special import stdtrit

    of_seeds = float(by_seed.var(ddof=1)) / len(by_seed)
    whole = of_seeds + of_customers
    free = whole**2 * (len(by_seed) - 1) / of_seeds**2 if of_seeds else _FREEDOM_MOST
    reach: float = float(stdtrit(min(free, _FREEDOM_MOST), 0.975)) * whole**0.5
    return reach


def _customers_variance(
    truth: Floats,
    shared: Sequence[Floats],
    single: Sequence[Floats],
    measure: Measure,
    rng: np.random.Generator,
) -> float:
    """Of the mean difference over the seeds, when other customers are drawn."""
    found: list[float] = []
    for _ in range(_RESAMPLES):
        rows = rng.integers(len(truth), size=len(truth))
        some = truth[rows]
        gained = [
            measure(some, one[rows]) - measure(some, other[rows])
            for one, other in zip(shared, single, strict=True)
        ]
        found.append(float(np.mean(gained)))
    return float(np.var(found, ddof=1))


def _mae(truth: Floats, said: Floats) -> float:
    return float(np.abs(truth - said).mean())


def _average_precision() -> Measure:
    from sklearn.metrics import average_precision_score

    def measure(truth: Floats, said: Floats) -> float:
        # Where a resample has drawn nobody of whom it came true, both are as good.
        return float(average_precision_score(truth, said)) if truth.any() else 0.0

    return measure
