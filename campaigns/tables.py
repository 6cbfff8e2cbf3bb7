"""The tables that campaigns show to the warehouse."""

import pyarrow as pa

from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.warehouse.registry import table_register

ENROLMENTS = pa.schema(
    [
        ("occurrence_id", pa.int64()),
        ("customer_id", pa.int64()),
        ("arm", pa.string()),
        ("state", pa.string()),
        ("step", pa.string()),
    ]
)


def tables_register() -> None:
    """Register them; called once, when the app is ready."""
    table_register(
        "enrolments",
        schema=ENROLMENTS,
        read=sql_text("campaigns", "enrolments_read").rstrip("; \n"),
        customer="customer_id",
    )
