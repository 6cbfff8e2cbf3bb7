"""Scores and recommendations as tables of the warehouse."""

import pyarrow as pa

from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.warehouse.registry import table_register

_TIME = pa.timestamp("us", tz="UTC")

SCORES = pa.schema(
    {
        "customer_id": pa.int64(),
        "scorer_key": pa.string(),
        "value": pa.float64(),
        "percentile": pa.float64(),
        "model_version_id": pa.int64(),
        "as_of": _TIME,
    }
)

RECOMMENDATIONS = pa.schema(
    {
        "customer_id": pa.int64(),
        "scorer_key": pa.string(),
        "rank": pa.int64(),
        "sku": pa.string(),
        "score": pa.float64(),
        "model_version_id": pa.int64(),
        "as_of": _TIME,
    }
)


def tables_register() -> None:
    """Make the newest scores readable as ``scores`` and the products as ``recommendations``."""
    table_register(
        "scores",
        schema=SCORES,
        read=sql_text("scoring", "scores_table"),
        customer="customer_id",
    )
    table_register(
        "recommendations",
        schema=RECOMMENDATIONS,
        read=sql_text("scoring", "recommendations_table"),
        customer="customer_id",
    )
