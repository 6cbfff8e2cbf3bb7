"""Scorers that find classes by themselves: groups of customers who are alike.

Nothing comes true by which such a model could be judged. The engine judges it by whether it finds
the same groups again in other customers (``sdk.agreement``), beside a simple way of grouping, and
keeps the groups' numbers from one model to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.scorers import Classes, Output, Progress, Scorer, no_progress


class ClusterScorer(Scorer):
    """An unsupervised model: customers who are alike share a number.

    Attributes:
        numbers: what each cluster goes by, by its place; the engine sets it, so that a cluster that
            is found again keeps its number. Empty for the places themselves.
        baseline_numbers: the same of the baseline's clusters.
    """

    output: ClassVar[Output] = Classes()
    #: How often the whole of ``fit_clusters`` is done again on other customers, to see if it finds
    #: the same.
    resamples: ClassVar[int] = 10
    #: By feature what a cluster is called that has much of it, and one that has little; in English,
    #: marked with ``gettext_noop``. Names are made of the features in here.
    words: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.numbers: tuple[int, ...] = ()
        self.baseline_numbers: tuple[int, ...] = ()

    def choose(
        self, frame: pd.DataFrame, *, rng: np.random.Generator, progress: Progress = no_progress
    ) -> None:
        """Make the choices that ``fit_clusters`` keeps, such as how many clusters to look for."""

    def fit_clusters(
        self, frame: pd.DataFrame, *, rng: np.random.Generator, progress: Progress = no_progress
    ) -> None:
        """Find the clusters, and those of the baseline: with the choices that were made.

        It is called again and again, with resamples of the customers and then with all of them.
        """
        raise NotImplementedError

    def assign(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """The place of each customer's cluster, from 0 on: whoever else is in the batch."""
        raise NotImplementedError

    def assign_baseline(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """As ``assign``, by a way that is as simple as can be: the model has to beat it."""
        raise NotImplementedError

    def project(self, frame: pd.DataFrame) -> NDArray[np.float64] | None:
        """Where customers are on a map, (rows, 2), the like near one another; None for no map."""
        del frame
        return None

    def renumber(self, numbers: Sequence[int], baseline_numbers: Sequence[int]) -> None:
        """Say what number each cluster goes by from now on, and each one of the baseline."""
        self.numbers, self.baseline_numbers = tuple(numbers), tuple(baseline_numbers)

    def fit(
        self,
        frame: pd.DataFrame,
        target: pd.Series[float],
        *,
        validation: tuple[pd.DataFrame, pd.Series[float]] | None,
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """``choose`` where there is something to choose on, then ``fit_clusters``."""
        del target
        if validation is not None:
            self.choose(frame, rng=rng, progress=progress)
        self.fit_clusters(frame, rng=rng, progress=progress)

    def predict(self, frame: pd.DataFrame) -> pd.Series[float]:
        """The number of each customer's cluster."""
        return _numbered(frame, self.assign(frame), self.numbers)

    def baseline(self, frame: pd.DataFrame) -> pd.Series[float]:
        """The number of the cluster that the baseline puts each customer in."""
        return _numbered(frame, self.assign_baseline(frame), self.baseline_numbers)


def _numbered(
    frame: pd.DataFrame, places: NDArray[np.int64], numbers: Sequence[int]
) -> pd.Series[float]:
    found = np.asarray(numbers, dtype=np.float64)[places] if numbers else places
    return pd.Series(found, index=frame.index, dtype=float)
