"""The tables that this app gives to the warehouse."""

import pyarrow as pa

from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.warehouse.registry import table_register

_TIME = pa.timestamp("us", tz="UTC")

MEMBERSHIPS = pa.schema({"segment": pa.string(), "customer_id": pa.int64(), "joined_at": _TIME})
STAGES = pa.schema({"customer_id": pa.int64(), "stage": pa.string(), "since": _TIME})
CONSENTS = pa.schema(
    {
        "customer_id": pa.int64(),
        "channel": pa.string(),
        "purpose": pa.string(),
        "granted": pa.bool_(),
        "recorded_at": _TIME,
        "expires_at": _TIME,
    }
)

table_register(
    "memberships",
    read=sql_text("segments", "memberships"),
    schema=MEMBERSHIPS,
    customer="customer_id",
)
table_register("stages", read=sql_text("segments", "stages"), schema=STAGES, customer="customer_id")
table_register("consents", read=sql_text("segments", "consents"), schema=CONSENTS)
