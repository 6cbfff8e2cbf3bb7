"""How far the newest customers' features are from those that a model learned from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.scoring.measures import Floats

BINS = 10
#: Rows that a reference is made of at most; its shares are then right to half a hundredth.
REFERENCE_ROWS = 100_000
#: A part in which nobody is counts as if half a customer were.
_HALF = 0.5


def features_drift(
    *, learned: pd.DataFrame, newest: pd.DataFrame, names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """The population stability index of each of the named features, the largest first."""
    found = [
        {
            "feature": name,
            "psi": stability_index(learned[name].to_numpy(float), newest[name].to_numpy(float)),
        }
        for name in (learned.columns if names is None else names)
    ]
    return sorted(found, key=lambda one: -float(str(one["psi"])))


def stability_index(learned: Floats, newest: Floats) -> float:
    """The population stability index over tenths of what was learned; missing is a part of its own.

    The sum over the parts of (q - p) ln(q / p): the Kullback-Leibler divergences of both ways.
    """
    return stability_from(distribution(learned), newest)


def distribution(values: Floats) -> dict[str, list[float]]:
    """The edges of the tenths of values, and how many are in each part: what drift is told from.

    The last part is of those that are missing.
    """
    known = values[~np.isnan(values)]
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    edges: Floats = np.unique(np.quantile(known, inner)) if len(known) else np.empty(0)
    return {"edges": edges.tolist(), "counts": _counts(values, edges).tolist()}


def stability_from(reference: Mapping[str, Any], newest: Floats) -> float:
    """The stability index of values beside a ``distribution``."""
    edges = np.asarray(reference["edges"], dtype=float)
    p, q = (_shares(part) for part in (np.asarray(reference["counts"]), _counts(newest, edges)))
    return float(((q - p) * np.log(q / p)).sum())


def missing_share(reference: Mapping[str, Any]) -> float:
    """Of a ``distribution``, the share of the missing."""
    counts = np.asarray(reference["counts"], dtype=float)
    return float(counts[-1] / counts.sum()) if counts.sum() else 0.0


def reference(frame: pd.DataFrame, scores: Floats, *, classes: bool = False) -> dict[str, Any]:
    """What later runs are compared with: the distribution of each feature, and of the scores.

    Args:
        frame: the features.
        scores: what the model said.
        classes: whether scores are classes' numbers, of which each is a part of its own.
    """
    rows = frame.iloc[:: max(1, -(-len(frame) // REFERENCE_ROWS))]
    return {
        "features": {str(name): distribution(rows[name].to_numpy(float)) for name in rows.columns},
        "scores": _shares_of(scores) if classes else distribution(scores),
    }


def _shares_of(classes: Floats) -> dict[str, list[float]]:
    """A ``distribution`` whose parts are the classes."""
    edges = np.unique(classes)
    return {"edges": edges.tolist(), "counts": _counts(classes, edges).tolist()}


def _counts(values: Floats, edges: Floats) -> Floats:
    missing = np.isnan(values)
    # A value at an edge belongs below it: many customers have exactly zero.
    part = np.where(missing, len(edges) + 1, np.searchsorted(edges, values, side="left"))
    found: Floats = np.bincount(part, minlength=len(edges) + 2).astype(float)
    return found


def _shares(counts: Floats) -> Floats:
    counts = np.maximum(counts, _HALF)
    found: Floats = counts / counts.sum()
    return found
