"""Which classes a model takes for which others."""

from typing import Any

import numpy as np

from lifecycle_engine.scoring.measures import Floats


def confusion(*, target: Floats, said: Floats) -> dict[str, Any]:
    """How many customers of each class were called each class.

    Args:
        target: the number of the class that came true.
        said: the probability of each class, by its number: (customers, numbers).

    Returns:
        ``numbers``, those that came true or were called, ascending, and ``counts``: a row for each
        that came true, a column for each that was called.
    """
    true, called = target.astype(np.int64), said.argmax(axis=1)
    numbers = np.unique(np.concatenate([true, called]))
    places = [np.searchsorted(numbers, one) for one in (true, called)]
    counts = np.zeros((len(numbers), len(numbers)), dtype=np.int64)
    np.add.at(counts, tuple(places), 1)
    return {"numbers": numbers.tolist(), "counts": counts.tolist()}
