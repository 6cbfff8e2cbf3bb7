"""For whom a model is good: the same judgement by stage, country and tenure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.scoring.measures import (
    Floats,
    Metric,
    area_under_curve,
    class_accuracy,
    spearman,
)
from lifecycle_engine.scoring.metrics import compared
from lifecycle_engine.sdk.scorers import Classes, Output, Probability
from lifecycle_engine.segments.stage_learning import thresholds_in_force
from lifecycle_engine.segments.stage_models import StageThresholds
from lifecycle_engine.segments.stages import stages_expression
from lifecycle_engine.warehouse.session import warehouse_session

#: Fewer customers, or fewer of one outcome, than this say nothing about a model.
ROWS_LEAST, OUTCOMES_LEAST = 100, 15
#: Of a dimension the largest so many groups are judged: there may be two hundred countries.
GROUPS_MOST = 12
#: Days since the first order from which on a customer belongs to the next group.
TENURES = (30, 90, 180, 365)


def slices(
    output: Output,
    groups: Mapping[str, NDArray[np.object_]],
    *,
    target: Floats,
    model: Floats,
    baseline: Floats,
    rng: np.random.Generator,
    customers: NDArray[np.int64],
) -> list[dict[str, Any]]:
    """How well the model orders the customers of each group, with 95 % intervals.

    Probabilities are judged by AUC and amounts by rank correlation, which can be compared between
    groups of whom it comes true more or less often, and classes by accuracy. A group that is too
    small has no figures.
    """
    judge: tuple[str, Metric]
    judge = ("auc", area_under_curve) if isinstance(output, Probability) else ("spearman", spearman)
    if isinstance(output, Classes):
        judge = ("class_accuracy", class_accuracy)
    found = []
    for dimension, names in groups.items():
        values, counts = np.unique(names.astype(str), return_counts=True)
        if len(values) < 2:
            continue  # Of one group only there is nothing to tell.
        largest = np.argsort(-counts, kind="stable")[:GROUPS_MOST]
        for name in sorted(values[largest].tolist(), key=_place):
            rows = names == name
            found.append(
                {"dimension": dimension, "group": str(name)}
                | _slice(judge, target[rows], model[rows], baseline[rows], rng, customers[rows])
            )
    return found


def _place(name: str) -> tuple[int, str]:
    """Spans of days by their beginning, names by the alphabet."""
    start = name.partition("-")[0]
    return (int(start) if start.isdigit() else 0, name)


def _slice(
    judge: tuple[str, Metric],
    target: Floats,
    model: Floats,
    baseline: Floats,
    rng: np.random.Generator,
    customers: NDArray[np.int64],
) -> dict[str, Any]:
    name, metric = judge
    positives = int((target > 0).sum())
    classes = name == "class_accuracy"
    found: dict[str, Any] = {"rows": len(target)}
    if not classes:
        found["target_mean"] = float(target.mean())
    fewest = min(positives, len(target) - positives) if name == "auc" else positives
    if classes:
        fewest = len(target)
    if len(target) < ROWS_LEAST or fewest < OUTCOMES_LEAST:
        return found
    said = {"model": model, "baseline": baseline}
    one = compared({name: (metric, True)}, target=target, **said, rng=rng, customers=customers)
    return found | {
        "metric": name,
        "model": one[name].model,
        "low": one[name].model_low,
        "high": one[name].model_high,
        "baseline": one[name].baseline,
        **({} if classes else {"said_mean": float(model.mean())}),
    }


def worst(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The group whose customers the model orders worst, of those that are judged."""
    judged = [one for one in found if "model" in one]
    return min(judged, key=lambda one: float(one["model"])) if len(judged) > 1 else None


def customer_groups(
    *, as_of: datetime, customer_ids: NDArray[np.int64]
) -> dict[str, NDArray[np.object_]]:
    """Stage, country and tenure of customers, each as often as asked, as they were at a moment.

    The country is today's: the engine keeps none of the past. Stages go by today's thresholds.
    """
    thresholds = thresholds_in_force() or StageThresholds()
    with warehouse_session(as_of=as_of) as tables:
        stages = stages_expression(tables, thresholds=thresholds)
        firsts = tables.orders.group_by("customer_id").aggregate(
            first=tables.orders.occurred_at.min()
        )
        countries = tables.customers.select(customer_id=tables.customers.id, country=ibis._.country)
        both = stages.left_join(firsts, "customer_id").drop("customer_id_right")
        rows = both.left_join(countries, "customer_id").drop("customer_id_right")
        found = tables.execute(rows).to_pandas().set_index("customer_id").reindex(customer_ids)
    days = (pd.Timestamp(as_of) - found["first"]).dt.total_seconds().to_numpy(float) / 86_400
    return {
        "stage": found["stage"].fillna("").to_numpy(object),
        "country": found["country"].fillna("").to_numpy(object),
        "tenure": _tenures(days),
    }


def _tenures(days: Floats) -> NDArray[np.object_]:
    names = [f"{low}-{high}" for low, high in zip((0, *TENURES), TENURES, strict=False)]
    names.append(f"{TENURES[-1]}-")
    places = np.searchsorted(TENURES, np.nan_to_num(days, nan=0.0), side="right")
    return np.array(names, dtype=object)[places]
