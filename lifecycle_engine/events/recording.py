"""Recording what the engine itself does, in the transaction in which it does it."""

from collections.abc import Sequence

from django.db import connection

from lifecycle_engine.core.documents import DocumentError, document_encode
from lifecycle_engine.customers.rows import text_problem
from lifecycle_engine.events.log import log_write, receipts_take
from lifecycle_engine.events.partitions import months_of, partitions_ensure
from lifecycle_engine.events.rows import EngineEvent, LogRow

#: The source of what the engine itself records; nobody else may use it.
ENGINE_SOURCE = "engine"


class EngineEventError(Exception):
    """An event of the engine's own is wrong."""


def events_record(*, rows: Sequence[EngineEvent]) -> int:
    """Append what the engine itself did to the log, inside the transaction of the doing.

    An event whose message id was recorded before is left out.

    Returns:
        How many events were new.

    Raises:
        EngineEventError: a row is wrong; nothing is recorded.
        RuntimeError: no transaction is open, so that doing and recording could part.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("events_record wants the transaction of what it records")
    by_message_id: dict[str, LogRow] = {}
    for row in rows:
        by_message_id.setdefault(row.message_id, _engine_row(row))
    if not by_message_id:
        return 0
    partitions_ensure(months=months_of(row.occurred_at for row in by_message_id.values()))
    fresh = receipts_take(source=ENGINE_SOURCE, message_ids=list(by_message_id))
    log_write((by_message_id[message_id] for message_id in sorted(fresh)), received=False)
    return len(fresh)


def _engine_row(row: EngineEvent) -> LogRow:
    for field, limit in (("message_id", 100), ("name", 200)):
        if problem := text_problem(getattr(row, field), limit):
            raise EngineEventError(f"{field} {problem}")
    if row.occurred_at.tzinfo is None:
        raise EngineEventError(f"occurred_at wants a time with a zone, got {row.occurred_at}")
    try:
        properties = document_encode(row.properties)
    except DocumentError as error:
        raise EngineEventError(f"properties {error}") from None
    return LogRow(
        source=ENGINE_SOURCE,
        customer_id=row.customer_id,
        message_id=row.message_id,
        name=row.name,
        properties=properties,
        value=row.value,
        currency=row.currency,
        product_sku=row.product_sku,
        category=None,
        campaign=row.campaign,
        occurred_at=row.occurred_at,
    )
