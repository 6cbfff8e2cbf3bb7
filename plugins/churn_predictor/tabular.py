"""Rows of features in the form in which a network learns to make up more of them."""

from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

#: Normal scores end here: one in a thousand lies further out.
LIMIT = 3.0


@dataclass(frozen=True)
class TableCode:
    """Each feature as a normal score, and for those that may be missing whether they are.

    A value becomes the quantile of the normal distribution at the middle of its share of the rows
    (van der Waerden 1952), so that a skewed amount and a count with many zeros have about one
    shape. Back come only values between the smallest and the largest that were there; of features
    that were whole numbers, whole ones.

    Attributes:
        names: the features.
        values: of each feature, the values that it has, ascending.
        scores: the normal score of each.
        missing: the places of the features that may be missing.
    """

    names: tuple[str, ...]
    values: tuple[Floats, ...]
    scores: tuple[Floats, ...]
    missing: tuple[int, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> Self:
        """Learn the values of rows, and from no others."""
        from scipy.special import ndtri

        numbers = frame.to_numpy(np.float64)
        values, scores = [], []
        for column in numbers.T:
            found, counts = np.unique(column[~np.isnan(column)], return_counts=True)
            middle = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1)
            values.append(found)
            scores.append(np.clip(ndtri(middle), -LIMIT, LIMIT))
        gaps = np.flatnonzero(np.isnan(numbers).any(axis=0))
        names = tuple(map(str, frame.columns))
        return cls(names, tuple(values), tuple(scores), tuple(map(int, gaps)))

    @property
    def width(self) -> int:
        """How many numbers stand for a row: the features, and whether they are missing."""
        return len(self.names) + len(self.missing)

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """The rows as scores, a missing one as 0, and flags: (rows, width)."""
        numbers = frame.to_numpy(np.float64)
        coded = np.zeros((len(frame), self.width), dtype=np.float32)
        for place, (values, scores) in enumerate(zip(self.values, self.scores, strict=True)):
            if len(values):
                coded[:, place] = np.nan_to_num(np.interp(numbers[:, place], values, scores))
        coded[:, len(self.names) :] = np.isnan(numbers[:, self.missing])
        return coded

    def decode(self, coded: NDArray[np.float32]) -> pd.DataFrame:
        """The rows that such scores and flags stand for."""
        found = np.full((len(coded), len(self.names)), np.nan)
        for place, (values, scores) in enumerate(zip(self.values, self.scores, strict=True)):
            if len(values):
                column = np.interp(coded[:, place], scores, values)
                whole = bool((values == np.round(values)).all())
                found[:, place] = np.round(column) if whole else column
        flags = np.zeros(found.shape, dtype=bool)
        flags[:, self.missing] = coded[:, len(self.names) :] > 0.5
        found[flags] = np.nan
        return pd.DataFrame(found, columns=list(self.names))


def columns_apart(real: pd.DataFrame, made_up: pd.DataFrame) -> float:
    """How far the columns are apart, on average: 0 for alike, 1 for nothing in common.

    The greatest distance between the two distribution functions (Kolmogorov-Smirnov), missing
    values counting as smallest of all.
    """
    found = []
    for name in real.columns:
        ours, theirs = (
            np.sort(rows[name].fillna(-np.inf).to_numpy(np.float64)) for rows in (real, made_up)
        )
        at = np.concatenate([ours, theirs])
        shares = [np.searchsorted(one, at, side="right") / len(one) for one in (ours, theirs)]
        found.append(float(np.abs(shares[0] - shares[1]).max()))
    return float(np.mean(found))
