"""Writing to the log, and nowhere else: each message once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import msgspec
from psycopg.abc import Buffer
from psycopg.types.numeric import DecimalBinaryDumper
from uuid_utils import uuid7

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.events.rows import LogRow

_COLUMNS = {
    "id": "uuid",
    "source": "text",
    "customer_id": "int8",
    "message_id": "text",
    "name": "text",
    # Bytes go out as they are, and that is what PostgreSQL wants to see of a jsonb: its version,
    # which is 1, and the text. It saves decoding what was just encoded.
    "properties": "bytea",
    # The same way, for amounts that come again and again.
    "value": "bytea",
    "currency": "text",
    "product_sku": "text",
    "category": "text",
    "campaign": "text",
    "occurred_at": "timestamptz",
    "original_timestamp": "timestamptz",
    "sent_at": "timestamptz",
    "received_at": "timestamptz",
}

_numeric_dumper = DecimalBinaryDumper(Decimal)


def receipts_take(
    *, source: str, message_ids: Sequence[str], received_at: datetime | None = None
) -> set[str]:
    """Note that the messages were received; returns those that were not known before.

    A message that another transaction is writing is waited for, so that of two only one writes it.
    The time is the database's when none is given.
    """
    encoded = msgspec.json.encode(message_ids).decode()
    params = {"source": source, "message_ids": encoded, "received_at": received_at}
    return {message_id for (message_id,) in sql_rows("events", "receipts_take", params)}


def log_write(rows: Iterable[LogRow], *, received: bool = True) -> None:
    """Append rows to the log by COPY. Their months have partitions and their receipts are taken.

    Args:
        rows: what to append.
        received: whether the rows say when they were received; otherwise it is the database's time.
    """
    columns = dict(_COLUMNS)
    if not received:
        del columns["received_at"]
    copy_rows(
        "events_event",
        list(columns),
        (
            (
                uuid7(), row.source, row.customer_id, row.message_id, row.name,
                b"\x01" + row.properties, _numeric(row.value), row.currency, row.product_sku,
                row.category, row.campaign, row.occurred_at, row.original_timestamp, row.sent_at,
                *((row.received_at,) if received else ()),
            )
            for row in rows
        ),
        types=list(columns.values()),
    )  # fmt: skip


@lru_cache(maxsize=10_000)
def _numeric(amount: Decimal | None) -> Buffer | None:
    """The amount in PostgreSQL's binary format."""
    return None if amount is None else _numeric_dumper.dump(amount)
