"""k-means: the centres of groups, and how many there are such that the same are found again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lifecycle_engine.sdk.agreement import Labels, adjusted_rand

Floats: TypeAlias = NDArray[np.float64]

#: Beginnings of k-means, of which the best is kept.
_BEGINNINGS = 5
#: Agreements that differ by less are alike: where all resamples agree, there is no error to go by.
_ALIKE = 0.01


@dataclass(frozen=True)
class CountTried:
    """How far groups are found again where so many are looked for.

    Attributes:
        count: how many.
        agreement: the mean adjusted Rand index of resamples with the whole.
        error: its standard error.
    """

    count: int
    agreement: float
    error: float


def centres_fit(values: Floats, *, count: int, rng: np.random.Generator) -> Floats:
    """The centres of so many groups: (count, columns); fewer where there are fewer customers."""
    from sklearn.cluster import KMeans

    seed = int(rng.integers(2**31))
    known = min(count, len(np.unique(values, axis=0)))
    found: Floats = (
        KMeans(known, n_init=_BEGINNINGS, random_state=seed).fit(values).cluster_centers_
    )
    return found


def nearness(values: Floats, centres: Floats) -> Floats:
    """How near each row is to each centre, (rows, centres): what their squared distance lacks.

    It is the negative of it, without the square of the row, which is the same for all centres.
    """
    found: Floats = 2 * values @ centres.T - (centres**2).sum(axis=1)
    return found


def nearest(values: Floats, centres: Floats) -> Labels:
    """The place of the centre that each row is nearest to."""
    found: Labels = nearness(values, centres).argmax(axis=1)
    return found


def counts_tried(
    values: Floats, *, counts: Sequence[int], resamples: int, rng: np.random.Generator
) -> list[CountTried]:
    """How far the groups of bootstrap resamples agree with those of all rows, for each number.

    Fang and Wang, "Selection of the number of clusters via the bootstrap method", Computational
    Statistics & Data Analysis 56 (2012).
    """
    drawn = [rng.integers(len(values), size=len(values)) for _ in range(resamples)]
    found = []
    for count in counts:
        whole = nearest(values, centres_fit(values, count=count, rng=rng))
        agreements = [
            adjusted_rand(whole, nearest(values, centres_fit(values[rows], count=count, rng=rng)))
            for rows in drawn
        ]
        error = float(np.std(agreements, ddof=1)) / resamples**0.5
        found.append(CountTried(count, float(np.mean(agreements)), error))
    return found


def count_chosen(tried: Sequence[CountTried]) -> int:
    """The largest number whose agreement is within a standard error of the best one's.

    The rule of one standard error (Breiman et al., "Classification and Regression Trees", 1984),
    here towards more groups: few are found again more easily, and say less.
    """
    best = max(tried, key=lambda one: one.agreement)
    least = best.agreement - max(best.error, _ALIKE)
    return max(one.count for one in tried if one.agreement >= least)


def plane(values: Floats) -> tuple[Floats, Floats]:
    """The mean, and the two directions of the largest variance: (columns), (2, columns)."""
    mean = values.mean(axis=0)
    _left, _sizes, directions = np.linalg.svd(values - mean, full_matrices=False)
    axes = np.zeros((2, values.shape[1]))
    axes[: min(2, len(directions))] = directions[:2]
    # A direction is as good as its opposite: the one whose largest part is positive is meant.
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.where(axes[np.arange(2), largest] < 0, -1.0, 1.0)[:, None]
    return mean, axes
