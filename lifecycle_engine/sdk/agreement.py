"""How far two ways of grouping the same customers agree, whatever the groups are called."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Labels: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


def overlaps(first: Labels, second: Labels) -> Floats:
    """How many customers are in each pair of groups: (groups of the first, of the second)."""
    width = int(second.max(initial=-1)) + 1
    height = int(first.max(initial=-1)) + 1
    counts = np.bincount(first * width + second, minlength=height * width)
    found: Floats = counts.reshape(height, width).astype(np.float64)
    return found


def adjusted_rand(first: Labels, second: Labels) -> float:
    """The share of pairs of customers that both treat alike, less what chance gives.

    1 where they are the same, 0 on average where they have nothing to do with one another. Hubert
    and Arabie, "Comparing partitions", Journal of Classification 2 (1985).
    """
    counts = overlaps(first, second)
    both = _pairs(counts).sum()
    ours, theirs = _pairs(counts.sum(axis=1)).sum(), _pairs(counts.sum(axis=0)).sum()
    everything = float(_pairs(np.array(float(len(first)))))
    chance = ours * theirs / everything if everything else 0.0
    most = (ours + theirs) / 2
    return 1.0 if most == chance else float((both - chance) / (most - chance))


def jaccards(first: Labels, second: Labels) -> Floats:
    """Of each pair of groups, what both hold by what either holds: (of the first, of the second).

    By it clusters are found again: Hennig, "Cluster-wise assessment of cluster stability",
    Computational Statistics & Data Analysis 52 (2007).
    """
    both = overlaps(first, second)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    found: Floats = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return found


def _pairs(counts: Floats) -> Floats:
    found: Floats = counts * (counts - 1) / 2
    return found
