"""Scorers that say which of several known classes comes true of a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from lifecycle_engine.sdk.scorers import Classes, Output, Scorer


class ClassScorer(Scorer):
    """A supervised model of several classes, of which one comes true of each customer.

    ``outcome`` gives the number of the class that came true, and ``outcome_missing`` that of a
    customer of whom it has no row. What is published is the likeliest class; what is judged are the
    probabilities.
    """

    output: ClassVar[Output] = Classes()
    #: What each number is called, in English, marked with ``gettext_noop``.
    classes: ClassVar[Mapping[int, str]]

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The probability of each class: a row per row of the frame, a column per class.

        The columns are the numbers of ``classes`` in ascending order; each row sums to 1.
        """
        raise NotImplementedError

    def baseline_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        """As ``predict_proba``, without a model: the class of last time, or each one's share."""
        raise NotImplementedError

    def predict(self, frame: pd.DataFrame) -> pd.Series[float]:
        """The likeliest class of each customer."""
        return likeliest(self.predict_proba(frame))

    def baseline(self, frame: pd.DataFrame) -> pd.Series[float]:
        """The class that the baseline finds likeliest."""
        return likeliest(self.baseline_proba(frame))


def likeliest(probabilities: pd.DataFrame) -> pd.Series[float]:
    """The column with the highest probability in each row; of equals the first."""
    numbers = probabilities.columns.to_numpy(np.float64)
    best = probabilities.to_numpy(np.float64).argmax(axis=1) if len(numbers) else []
    return pd.Series(numbers[best], index=probabilities.index, dtype=float)
