"""How many are still there after so many weeks: the curve that no model has to be fitted for."""

from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

#: The normal distribution's 97.5 % quantile.
_Z = 1.959963984540054


@dataclass(frozen=True)
class KaplanMeier:
    """The product-limit estimate of survival (Kaplan & Meier 1958), week by week.

    Attributes:
        at_risk: how many were there when each week began: (weeks).
        stopped: how many of them stopped in it.
    """

    at_risk: Floats
    stopped: Floats

    @classmethod
    def fit(cls, week: NDArray[np.int64], stopped: NDArray[np.bool_], *, weeks: int) -> Self:
        """Count.

        Args:
            week: in which week each was last seen, from 1 on; who left the view in a week without
                having stopped counts as there until its end.
            stopped: who stopped in that week; the others left the view.
            weeks: how many weeks the curve has.
        """
        places = np.minimum(week, weeks + 1)
        seen = np.bincount(places, minlength=weeks + 2)[1 : weeks + 1]
        ended = np.bincount(places[stopped], minlength=weeks + 2)[1 : weeks + 1]
        before = np.concatenate([[0], np.cumsum(seen)[:-1]])
        return cls((len(week) - before).astype(float), ended.astype(float))

    @property
    def survival(self) -> Floats:
        """The share that is still there at the end of each week; after the last one seen, flat."""
        share = np.divide(
            self.stopped, self.at_risk, out=np.zeros_like(self.stopped), where=self.at_risk > 0
        )
        return np.asarray(np.cumprod(1.0 - share), dtype=np.float64)

    def interval(self) -> tuple[Floats, Floats]:
        """The 95 % interval of each, on the log-log scale so that it stays within 0 and 1.

        The variance is Greenwood's (1926). Where nobody has stopped, or all have, the interval is
        the estimate.
        """
        alive = self.at_risk - self.stopped
        terms = np.divide(
            self.stopped,
            self.at_risk * alive,
            out=np.zeros_like(self.stopped),
            where=(self.at_risk > 0) & (alive > 0),
        )
        survival = self.survival
        between = (survival > 0) & (survival < 1)
        inner = np.where(between, survival, 0.5)
        reach = _Z * np.sqrt(np.cumsum(terms)) / np.abs(np.log(inner))
        low = np.where(between, inner ** np.exp(reach), survival)
        high = np.where(between, inner ** np.exp(-reach), survival)
        return low, high
