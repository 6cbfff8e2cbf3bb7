"""What every feature of every customer added to the model's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Contributions:
    """What moved each answer away from the one for an average customer.

    Attributes:
        values: of the frame's shape, in the scale in which the model adds up: log-odds for a
            probability, the amount or its logarithm for an amount. More than 0 raised the answer.
        base: the answer in that scale when nothing is known of a customer; of classes one for each
            customer, since they are compared in pairs.
    """

    values: pd.DataFrame
    base: float | pd.Series[float]

    def totals(self) -> pd.Series[float]:
        """The model's answers in the scale in which it adds up."""
        found: pd.Series[float] = self.base + self.values.sum(axis=1)
        return found

    def scaled(self, slope: float, intercept: float = 0.0) -> Contributions:
        """Those of ``slope * answer + intercept``, such as of a calibrated logit (Platt)."""
        return Contributions(self.values * slope, self.base * slope + intercept)

    def through(self, link: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Contributions:
        """Those of ``link(answer)``, such as of an amount whose logarithm the model adds up.

        What the link makes of the whole way from the base to an answer is shared out in proportion,
        which keeps signs and order, and adds up (the rescale rule of DeepLIFT, Shrikumar et al.
        2017). Exact where the link is a line.

        Args:
            link: never falls; numbers in an array to numbers in an array.
        """
        before = self.totals().to_numpy(float)
        start = np.asarray(self.base, dtype=float)
        base = link(np.atleast_1d(start)).reshape(start.shape)
        way = before - start
        steep = np.abs(way) > 1e-12
        factor = np.zeros(len(before))
        np.divide(link(before) - base, way, out=factor, where=steep)
        kept = pd.Series(base, index=self.values.index) if base.ndim else float(base)
        return Contributions(self.values.mul(factor, axis=0), kept)


@dataclass(frozen=True)
class ClassContributions(Contributions):
    """What spoke for each customer's class, rather than for the one that came closest to it.

    More than 0 spoke for the class, less for its rival; all together are never below 0.

    Attributes:
        own: the number of the customer's class.
        rival: the number of the other.
    """

    own: pd.Series[float]
    rival: pd.Series[float]


def contributions_mixed(parts: Sequence[tuple[float, Contributions]]) -> Contributions:
    """Those of a sum of answers, each with its weight: the same sum of their contributions."""
    (weight, first), *others = parts
    values, base = first.values * weight, first.base * weight
    for share, part in others:
        values, base = values + part.values * share, base + part.base * share
    return Contributions(values, base)
