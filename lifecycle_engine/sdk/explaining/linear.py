"""Contributions in linear models: a coefficient times the distance from the mean."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lifecycle_engine.sdk.explaining.contributions import Contributions


def linear_contributions(
    frame: pd.DataFrame,
    *,
    inputs: ArrayLike,
    coefficients: ArrayLike,
    intercept: float,
    mean: ArrayLike,
) -> Contributions:
    """Exact contributions to ``inputs @ coefficients + intercept``.

    They are the Shapley values of a linear model whose features are taken as independent.

    Args:
        frame: the customers; gives the index and the columns.
        inputs: what the model multiplies, (customers, features): filled in, scaled.
        coefficients: one per feature, such as ``model.coef_[0]``.
        intercept: such as ``float(model.intercept_[0])``.
        mean: the mean of each input in the training data, such as zeros after a ``StandardScaler``.
    """
    weights = np.asarray(coefficients, dtype=float)
    centre = np.asarray(mean, dtype=float)
    values = (np.asarray(inputs, dtype=float).reshape(frame.shape) - centre) * weights
    return Contributions(
        pd.DataFrame(values, index=frame.index, columns=frame.columns),
        float(centre @ weights + intercept),
    )
