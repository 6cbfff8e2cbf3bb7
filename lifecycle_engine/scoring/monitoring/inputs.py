"""What is measured of a published run: its features and scores beside those of the training."""

from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.events.readers import readers_lag
from lifecycle_engine.scoring.cards.drift import (
    REFERENCE_ROWS,
    distribution,
    missing_share,
    stability_from,
)
from lifecycle_engine.scoring.frames import FrameLostError, part_frame
from lifecycle_engine.scoring.run_models import FeatureFrame, ScoringRun
from lifecycle_engine.scoring.use_models import Use

_SECONDS = 3600.0


def run_figures(run: ScoringRun) -> dict[str, Any]:
    """The stability index and the missing of each feature, the index of the scores.

    Of a model whose card has no reference, and of rankings, there is nothing to compare with.
    """
    reference = run.model_version.card.get("reference")
    if not reference:
        return {"inputs": [], "scores": None}
    return {
        "inputs": _inputs(run.frame, reference["features"]) if run.frame else [],
        # The baseline's scores are of another kind: that they differ says nothing.
        "scores": _scores(run, reference["scores"]) if run.use == Use.MODEL else None,
    }


def copy_hours() -> float:
    """The age of the oldest event that the columnar copy lacks."""
    return max((lag.seconds for lag in readers_lag(names=["warehouse"])), default=0.0) / _SECONDS


def _inputs(frame: FeatureFrame, reference: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        rows = _sampled(frame)
    except FrameLostError:
        return []
    found = []
    for name in (name for name in rows.columns if name in reference):
        then, values = reference[name], rows[name].to_numpy(float)
        found.append(
            {
                "feature": name,
                "psi": stability_from(then, values),
                "missing": missing_share(distribution(values)),
                "missing_then": missing_share(then),
            }
        )
    return sorted(found, key=lambda one: -float(one["psi"]))


def _sampled(frame: FeatureFrame) -> pd.DataFrame:
    """One of every so many rows of the frame, all where they are few."""
    every = max(1, -(-frame.customers // REFERENCE_ROWS))
    parts = [part_frame(frame, number).iloc[::every] for number in range(len(frame.parts))]
    return pd.concat(parts) if parts else pd.DataFrame(columns=frame.features)


def _scores(run: ScoringRun, reference: dict[str, Any]) -> float | None:
    params = {
        "scorer_key": run.scorer_key,
        "as_of": run.as_of,
        "every": max(1, run.customers // REFERENCE_ROWS),
    }
    values = np.array(sql_rows("scoring", "check_score_values", params), dtype=float).ravel()
    return stability_from(reference, values) if len(values) else None
