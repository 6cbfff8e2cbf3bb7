"""Intervals of what was counted."""

from math import sqrt
from statistics import NormalDist

#: So many standard deviations around the mean hold 95 % of a normal distribution.
Z = NormalDist().inv_cdf(0.975)


def wilson_interval(successes: float, of: float) -> tuple[float, float]:
    """The score interval of one proportion (E. B. Wilson, JASA 22, 1927).

    Of rows that aren't independent it takes how many they are worth, which need not be whole.
    """
    rate, z2 = successes / of, Z**2
    centre = rate + z2 / (2 * of)
    margin = Z * sqrt(rate * (1 - rate) / of + z2 / (4 * of * of))
    low, high = (centre - margin) / (1 + z2 / of), (centre + margin) / (1 + z2 / of)
    # At the border rounding would go beyond it.
    return max(0.0, low), min(1.0, high)
