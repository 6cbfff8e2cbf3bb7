"""What one would say without a network, from one feature or none."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.dense import sigmoid

Floats = NDArray[np.float64]


def past_fit(frame: pd.DataFrame, target: "pd.Series[float]", feature: str) -> Floats:
    """The curve of a rate over one feature, by logistic regression: intercept and slope.

    Without a feature the median of what was known, which has the least absolute error of all that
    say the same of everybody.

    Args:
        frame: the features.
        target: what came true; NaN where nobody knows.
        feature: a number of days, or empty.
    """
    known = target.notna().to_numpy()
    if not feature:
        return np.array([float(target[known].median())])
    from sklearn.linear_model import LogisticRegression

    curve = LogisticRegression().fit(_days(frame[known], feature)[:, None], target[known])
    return np.array([float(curve.intercept_[0]), float(curve.coef_[0, 0])])


def past_rate(frame: pd.DataFrame, curve: Floats, feature: str) -> Floats:
    """What the curve says of each row."""
    if not feature:
        return np.full(len(frame), curve[0])
    return sigmoid(curve[0] + curve[1] * _days(frame, feature))


def _days(frame: pd.DataFrame, feature: str) -> Floats:
    days = frame[feature].to_numpy(np.float64)
    found: Floats = np.nan_to_num(np.log1p(np.maximum(days, 0.0)), nan=0.0)
    return found
