"""Writing a run's scores and recommendations: all of them in one transaction, or none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from django.db import transaction

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.scoring.models import ModelVersion


@dataclass(frozen=True)
class Published:
    """What a run came to.

    Attributes:
        customers: how many customers have a result.
        written: how many rows differ from before and were written.
        withdrawn: how many customers lost theirs, since the run had none for them.
    """

    customers: int
    written: int
    withdrawn: int


def percentiles(values: "pd.Series[float]") -> "pd.Series[float]":
    """Where each value stands among all, from 0 to 100; equal values stand equally."""
    return values.rank(method="average", pct=True) * 100


@transaction.atomic
def scores_publish(
    *, version: ModelVersion, as_of: datetime, values: "pd.Series[float]"
) -> Published:
    """Publish one value per customer, given by an index of customer ids."""
    sql_execute("scoring", "score_incoming_create")
    copy_rows(
        "score_incoming",
        ("customer_id", "value", "percentile"),
        zip(values.index.tolist(), values.tolist(), percentiles(values).tolist(), strict=True),
        types=("int8", "float8", "float8"),
    )
    ((written, _moved),) = sql_rows("scoring", "scores_publish", _params(version, as_of))
    withdrawn = sql_execute("scoring", "scores_withdraw", _params(version, as_of))
    return Published(customers=len(values), written=written, withdrawn=withdrawn)


@transaction.atomic
def recommendations_publish(
    *, version: ModelVersion, as_of: datetime, ranking: pd.DataFrame
) -> Published:
    """Publish a ranking with the columns of ``RANKING_COLUMNS``."""
    sql_execute("scoring", "recommendation_incoming_create")
    customers = ranking["customer_id"].nunique()
    copy_rows("recommendation_incoming", ("customer_id", "items"), _items(ranking))
    written = sql_execute("scoring", "recommendations_publish", _params(version, as_of))
    withdrawn = sql_execute("scoring", "recommendations_withdraw", _params(version, as_of))
    return Published(customers=customers, written=written, withdrawn=withdrawn)


def _items(ranking: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """One row per customer: the id, and the products as a JSON list, best first."""
    best_first = ranking.sort_values(["customer_id", "rank"])
    customer_id, items = None, list[dict[str, Any]]()
    columns = (best_first[name].tolist() for name in ("customer_id", "sku", "score", "reason"))
    for customer, sku, score, reason in zip(*columns, strict=True):
        if customer != customer_id and customer_id is not None:
            yield customer_id, json.dumps(items)
            items = []
        customer_id = customer
        items.append({"sku": sku, "score": score, "reason": reason})
    if customer_id is not None:
        yield customer_id, json.dumps(items)


def _params(version: ModelVersion, as_of: datetime) -> dict[str, Any]:
    return {"scorer_key": version.scorer_key, "model_version_id": version.pk, "as_of": as_of}
