"""What every feature of every customer added to the model's answer."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Contributions:
    """What moved each answer away from the one for an average customer.

    Attributes:
        values: of the frame's shape, in the scale in which the model adds up: log-odds for a
            probability, the amount or its logarithm for an amount. More than 0 raised the answer.
        base: the answer in that scale when nothing is known of a customer.
    """

    values: pd.DataFrame
    base: float

    def totals(self) -> pd.Series[float]:
        """The model's answers in the scale in which it adds up."""
        found: pd.Series[float] = self.base + self.values.sum(axis=1)
        return found

    def scaled(self, slope: float, intercept: float = 0.0) -> Contributions:
        """Those of ``slope * answer + intercept``, such as of a calibrated logit (Platt)."""
        return Contributions(self.values * slope, self.base * slope + intercept)
