"""Why a customer is in a class: what spoke for it, rather than for the next likeliest one.

A class has no more or less that something could raise. What has is its *margin*, such as a
log-probability or how near its centre is, and of margins only differences decide. So the class that
a customer got is compared with the one that came closest to it, its *rival*: their difference is
what features add up to, it is 0 where both are as likely, and never below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lifecycle_engine.sdk.explaining.contributions import (
    ClassContributions,
    Contributions,
    contributions_mixed,
)
from lifecycle_engine.sdk.explaining.linear import linear_contributions
from lifecycle_engine.sdk.explaining.trees import tree_contributions

#: Called with places of rows and the places of two columns of the margins: the contributions to
#: what the first column has more than the second, of these rows.
Pair = Callable[[NDArray[np.int64], int, int], Contributions]


def class_contributions(
    frame: pd.DataFrame, *, margins: pd.DataFrame, pair: Pair
) -> ClassContributions:
    """What made each customer's largest margin larger than the next one; for any kind of model.

    Args:
        frame: the customers; gives the index and the columns.
        margins: how much speaks for each class: a row for each customer, a column for each class,
            named by its number. Of equals the first is the customer's class.
        pair: explains the difference of two of them, for customers who have these two in common.

    Raises:
        ValueError: there is only one class.
    """
    if margins.shape[1] < 2:
        raise ValueError("Of one class alone there is nothing to say why it is that one")
    order = np.argsort(-margins.to_numpy(np.float64), axis=1, kind="stable")[:, :2]
    values, base = np.zeros(frame.shape), np.zeros(len(frame))
    for own, rival in np.unique(order, axis=0):
        rows = np.flatnonzero((order == (own, rival)).all(axis=1))
        found = pair(rows, int(own), int(rival))
        values[rows], base[rows] = found.values.to_numpy(np.float64), found.base
    numbers = margins.columns.to_numpy(np.float64)[order]
    return ClassContributions(
        values=pd.DataFrame(values, index=frame.index, columns=frame.columns),
        base=pd.Series(base, index=frame.index),
        own=pd.Series(numbers[:, 0], index=frame.index),
        rival=pd.Series(numbers[:, 1], index=frame.index),
    )


def tree_class_contributions(estimator: Any, frame: pd.DataFrame) -> ClassContributions:
    """Exact contributions to the log-odds of a customer's class against the next likeliest.

    Args:
        estimator: a fitted ``HistGradientBoostingClassifier`` over numbers, whose classes are the
            scorer's numbers.
        frame: the customers, with the features in the order of the training.

    Raises:
        TypeError: the estimator is another, or splits by category.
    """
    two = len(estimator.classes_) == 2

    def pair(rows: NDArray[np.int64], own: int, rival: int) -> Contributions:
        some = frame.iloc[rows]
        if two:
            return tree_contributions(estimator, some).scaled(1.0 if own else -1.0)
        return contributions_mixed(
            [
                (1.0, tree_contributions(estimator, some, of=own)),
                (-1.0, tree_contributions(estimator, some, of=rival)),
            ]
        )

    said = np.empty((0, len(estimator.classes_)))
    if len(frame):  # Estimators refuse nobody.
        said = estimator.decision_function(frame.to_numpy(np.float64))
        said = np.column_stack([np.zeros(len(said)), said]) if two else said
    margins = pd.DataFrame(said, index=frame.index, columns=estimator.classes_)
    return class_contributions(frame, margins=margins, pair=pair)


def linear_class_contributions(
    frame: pd.DataFrame,
    *,
    inputs: ArrayLike,
    coefficients: ArrayLike,
    intercepts: ArrayLike,
    mean: ArrayLike,
    classes: Sequence[float],
) -> ClassContributions:
    """Exact contributions to the log-odds of a customer's class against the next likeliest.

    Args:
        frame: the customers; gives the index and the columns.
        inputs: what the model multiplies, (customers, features): filled in, scaled.
        coefficients: (classes, features), or one row for the second of two, as scikit-learn has it.
        intercepts: one for each row of the coefficients.
        mean: the mean of each input in the training data.
        classes: the classes' numbers, in the order of the rows.
    """
    given = np.asarray(inputs, dtype=np.float64).reshape(frame.shape)
    rows, added = np.atleast_2d(np.asarray(coefficients, np.float64)), np.ravel(intercepts)
    if len(rows) == 1:
        rows, added = np.vstack([0.0 * rows, rows]), np.array([0.0, *added])

    def pair(some: NDArray[np.int64], own: int, rival: int) -> Contributions:
        return linear_contributions(
            frame.iloc[some],
            inputs=given[some],
            coefficients=rows[own] - rows[rival],
            intercept=float(added[own] - added[rival]),
            mean=mean,
        )

    margins = pd.DataFrame(given @ rows.T + added, index=frame.index, columns=[*classes])
    return class_contributions(frame, margins=margins, pair=pair)


def centre_contributions(
    frame: pd.DataFrame,
    *,
    inputs: NDArray[np.float64],
    centres: NDArray[np.float64],
    numbers: Sequence[float],
) -> ClassContributions:
    """Exact contributions to how much nearer a customer's centre is than the next nearest.

    What adds up is the difference of the squared distances: of each feature how much further it is
    from the other centre than from the customer's own. Where nothing is known there is none, so no
    average customer is needed.

    Args:
        frame: the customers; gives the index and the columns.
        inputs: what distances are taken between, (customers, features), one for each feature.
        centres: (groups, features).
        numbers: what each group goes by.
    """
    away = (inputs[:, None, :] - centres) ** 2
    margins = pd.DataFrame(-away.sum(axis=2), index=frame.index, columns=[*numbers])

    def pair(rows: NDArray[np.int64], own: int, rival: int) -> Contributions:
        values = away[rows, rival] - away[rows, own]
        return Contributions(
            pd.DataFrame(values, index=frame.index[rows], columns=frame.columns), 0.0
        )

    return class_contributions(frame, margins=margins, pair=pair)
