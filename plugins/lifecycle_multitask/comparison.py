"""Whether a task is better off in the shared network than in one of its own."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: As many resamples as the engine's cards take.
_RESAMPLES = 200
#: Of more customers, so many are drawn: an average precision of a million takes half a second.
_ROWS_MOST = 20_000


@dataclass(frozen=True)
class Sharing:
    """The metric that decides of the shared network beside that of a network for the task alone.

    Attributes:
        metric: its name.
        higher_is_better: which way is up.
        shared: of the shared network.
        single: of the network that has learned this task alone, from the same rows.
        low: where the 95 % interval of shared minus single begins.
        high: where it ends.
        verdict: what the interval says.
    """

    metric: str
    higher_is_better: bool
    shared: float
    single: float
    low: float
    high: float
    verdict: Literal["helps", "hurts", "unclear"]

    def as_json(self) -> dict[str, Any]:
        """For the model card."""
        return asdict(self)


def sharing_judged(
    truth: Floats, shared: Floats, single: Floats, *, is_amount: bool, rng: np.random.Generator
) -> Sharing:
    """Compare what two networks said of customers whom neither has seen.

    The interval is of customers drawn anew, the same for both networks. It does not tell of the
    luck of the seed.

    Args:
        truth: what came true.
        shared: what the shared network said.
        single: what the network for the task alone said.
        is_amount: whether the task is an amount: then by the mean absolute error, else by the
            average precision, as the engine decides.
        rng: draws the resamples.
    """
    if len(truth) > _ROWS_MOST:
        drawn = rng.choice(len(truth), _ROWS_MOST, replace=False)
        truth, shared, single = truth[drawn], shared[drawn], single[drawn]
    measure, name = (_mae, "mae") if is_amount else (_average_precision(), "average_precision")
    found: list[float] = []
    while len(found) < _RESAMPLES:
        rows = rng.integers(len(truth), size=len(truth))
        if is_amount or truth[rows].any():
            found.append(measure(truth[rows], shared[rows]) - measure(truth[rows], single[rows]))
    low, high = np.quantile(found, [0.025, 0.975])
    better, worse = (high < 0, low > 0) if is_amount else (low > 0, high < 0)
    return Sharing(
        metric=name,
        higher_is_better=not is_amount,
        shared=measure(truth, shared),
        single=measure(truth, single),
        low=float(low),
        high=float(high),
        verdict="helps" if better else "hurts" if worse else "unclear",
    )


def _mae(truth: Floats, said: Floats) -> float:
    return float(np.abs(truth - said).mean())


def _average_precision() -> Callable[[Floats, Floats], float]:
    from sklearn.metrics import average_precision_score

    return lambda truth, said: float(average_precision_score(truth, said))
