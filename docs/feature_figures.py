"""Writes down how each feature is distributed over the demo's customers on the day of the demo.

``make demo SERVE=0``, then ``.venv/bin/python -m docs.feature_figures``, then
``.venv/bin/python -m docs.reference_tables``. It reads the demo's state, in the folder ``VAR`` as
``make demo`` does, and writes ``reference/feature_figures.json``.
"""

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import numpy as np
import numpy.typing as npt

from lifecycle_engine.config.demo import NOW
from lifecycle_engine.config.embedded import services

FIGURES = Path(__file__).parent / "reference" / "feature_figures.json"

#: How many bars a histogram has.
BARS = 12

Numbers = npt.NDArray[np.float64]


def figures_of(values: Numbers, *, zero_is_nothing: bool) -> dict[str, Any]:
    """A feature's distribution over customers.

    Args:
        values: one for each customer.
        zero_is_nothing: whether 0 stands for having nothing to compute it from, and not NaN.

    Returns:
        ``without``: the share of customers for whom it is NaN or, for counts and sums, 0;
        ``quartiles`` of the others; ``bars``: how many of the others are in each of twelve equal
        stretches from the 1st to the 99th percentile, who is beyond being in the outer ones.
    """
    nothing = values == 0.0 if zero_is_nothing else np.isnan(values)
    rest = values[~nothing]
    found: dict[str, Any] = {"without": round(float(nothing.mean()), 4)}
    if not rest.size:
        return found
    lowest, highest = np.percentile(rest, [1, 99])
    inside = np.clip(rest, lowest, highest)
    bars, _edges = np.histogram(inside, bins=BARS, range=(lowest, max(highest, lowest + 1e-9)))
    quartiles = np.percentile(rest, [25, 50, 75])
    return found | {
        "quartiles": [float(f"{value:.4g}") for value in quartiles],
        "bars": bars.tolist(),
    }


def main() -> None:
    """Compute all features of the demo's customers, and write down how they are distributed."""
    services.prepare(["demo"])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifecycle_engine.config.settings")
    django.setup()
    # Only now: it has models, which want Django ready, and Django wants the demo's database.
    library = import_module("lifecycle_engine.warehouse.features")
    known = library.features_known()
    frame = library.features_frame(names=[feature.name for feature in known], as_of=NOW)
    figures = {
        feature.name: figures_of(
            frame[feature.name].to_numpy(), zero_is_nothing=feature.is_zero_when_missing
        )
        for feature in known
    }
    # One feature a line, so that a change is easy to read.
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(found)}" for name, found in figures.items()
    )
    head = f'"as_of": "{NOW.isoformat()}", "customers": {frame.num_rows}, "features": {{'
    FIGURES.write_text(f"{{{head}\n{lines}\n}}}}\n")


if __name__ == "__main__":
    main()
