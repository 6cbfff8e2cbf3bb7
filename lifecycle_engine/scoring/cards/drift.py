"""How far the newest customers' features are from those that a model learned from."""

from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.scoring.measures import Floats

BINS = 10
#: A part in which nobody is counts as if half a customer were.
_HALF = 0.5


def features_drift(*, learned: pd.DataFrame, newest: pd.DataFrame) -> list[dict[str, Any]]:
    """The population stability index of each feature, the largest first."""
    found = [
        {
            "feature": name,
            "psi": stability_index(learned[name].to_numpy(float), newest[name].to_numpy(float)),
        }
        for name in learned.columns
    ]
    return sorted(found, key=lambda one: -float(str(one["psi"])))


def stability_index(learned: Floats, newest: Floats) -> float:
    """The population stability index over tenths of what was learned; missing is a part of its own.

    The sum over the parts of (q - p) ln(q / p): the Kullback-Leibler divergences of both ways.
    """
    known = learned[~np.isnan(learned)]
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    edges: Floats = np.unique(np.quantile(known, inner)) if len(known) else np.empty(0)
    p, q = (_shares(values, edges) for values in (learned, newest))
    return float(((q - p) * np.log(q / p)).sum())


def _shares(values: Floats, edges: Floats) -> Floats:
    missing = np.isnan(values)
    # A value at an edge belongs below it: many customers have exactly zero.
    part = np.where(missing, len(edges) + 1, np.searchsorted(edges, values, side="left"))
    counts = np.bincount(part, minlength=len(edges) + 2).astype(float)
    counts = np.maximum(counts, _HALF)
    found: Floats = counts / counts.sum()
    return found
