"""Exact contributions in any model that reads few features: by the definition, over all subsets."""

from collections.abc import Callable, Mapping
from itertools import product
from math import factorial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining.contributions import Contributions

#: The model is asked 2 to the power of so many times.
FEATURES_MOST = 8


def few_contributions(
    frame: pd.DataFrame,
    *,
    average: Mapping[str, float],
    output: Callable[[pd.DataFrame], NDArray[np.float64]],
) -> Contributions:
    """Exact Shapley values: a feature that is not known is what an average customer has.

    Args:
        frame: the customers.
        average: all features that the model reads, and what an average customer has of each.
        output: the model.

    Raises:
        ValueError: the model reads more than ``FEATURES_MOST`` features.
    """
    if len(average) > FEATURES_MOST:
        raise ValueError(f"{len(average)} features are more than {FEATURES_MOST}")
    names, count = list(average), len(average)
    subsets = list(product((False, True), repeat=count))
    asked = [
        frame.assign(
            **{name: average[name] for name, known in zip(names, one, strict=True) if not known}
        )
        for one in subsets
    ]
    answers = output(pd.concat(asked)).reshape(len(subsets), len(frame))
    place = {one: number for number, one in enumerate(subsets)}
    values = pd.DataFrame(0.0, index=frame.index, columns=frame.columns)
    for i, name in enumerate(names):
        found = np.zeros(len(frame))
        for one in subsets:
            if not one[i]:
                k = sum(one)
                weight = factorial(k) * factorial(count - k - 1) / factorial(count)
                more = (*one[:i], True, *one[i + 1 :])
                found += weight * (answers[place[more]] - answers[place[one]])
        values[name] = found
    nobody = pd.DataFrame([dict.fromkeys(frame.columns, np.nan) | dict(average)])
    return Contributions(values, float(output(nobody[list(frame.columns)])[0]))
