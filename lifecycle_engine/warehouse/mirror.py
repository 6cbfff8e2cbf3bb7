"""The mirror: a reader of the event log that keeps the columnar copy up, exactly once.

The effect is outside the database, so it goes in two phases: the reader writes down which rows it
is about to take and under which number; each Delta table takes the rows and the number in one
atomic commit, or skips them when it has the number already; then the reader moves on. A process
that is killed anywhere in between is followed by one that gets the same rows and number again.

A batch that fails, for whatever reason, is never taken apart: one table may have it already. The
mirror waits and tries the same batch again, ever more seldom, and staff see that it is stuck.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from deltalake import DeltaTable
from django.conf import settings

from lifecycle_engine.core.bulk import arrow_read
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.events import readers
from lifecycle_engine.events.models import Reader
from lifecycle_engine.events.retention import log_floor, partitions_list
from lifecycle_engine.events.rows import Batch
from lifecycle_engine.warehouse.baskets import baskets_read
from lifecycle_engine.warehouse.delta import DeltaStore, batch_append
from lifecycle_engine.warehouse.engines.opening import store_open
from lifecycle_engine.warehouse.errors import MirrorBusyError, MirrorMismatchError
from lifecycle_engine.warehouse.schemas import EVENTS, LOG_TABLES

#: The name of the log reader, and of the writer in the Delta logs.
READER = "warehouse"

#: Whoever writes the columnar tables holds this.
LOCK = "warehouse.mirror"

#: Events taken at a time: some 100 MB while they are taken apart.
BATCH_EVENTS = 50_000


@dataclass
class MirrorResult:
    """What was mirrored.

    Attributes:
        busy: another process was at it, so nothing was done.
        retry_at: the batch that failed is not tried again before this moment.
    """

    batches: int = 0
    events: int = 0
    orders: int = 0
    order_lines: int = 0
    busy: bool = False
    retry_at: datetime | None = None


def mirror_run(
    *,
    batch_events: int = BATCH_EVENTS,
    progress: Callable[[int], object] | None = None,
) -> MirrorResult:
    """Copy what is new in the log into the columnar tables.

    Args:
        batch_events: how many events to take at a time.
        progress: told after each batch how many events were mirrored in this run.

    Raises:
        MirrorMismatchError: the copy was made from another log, or part of it is gone; see
            ``mirror_rebuild``.
    """
    result = MirrorResult()
    with advisory_lock(LOCK) as free:
        if not free:
            return MirrorResult(busy=True)
        store = store_open(settings.WAREHOUSE_URL)
        while (batch := _next_batch(store, batch_events)) is not None:
            with readers.batch_watched(batch):
                _batch_mirror(store, batch, result)
            if progress is not None:
                progress(result.events)
        result.retry_at = readers.reader_waits(READER)
        if result.batches:
            for name in LOG_TABLES:
                store.compact(name)
    return result


def mirror_is_behind() -> bool:
    """Whether the log has events that the columnar copy lacks."""
    return any(lag.rows for lag in readers.readers_lag(names=[READER])) or not (
        Reader.objects.filter(name=READER).exists()
    )


def mirror_waits() -> bool:
    """Whether a batch failed so lately that it is not tried again yet."""
    return readers.reader_waits(READER) is not None


def mirror_rebuild() -> None:
    """Throw the columnar copy away; the next ``mirror_run`` makes it again from the whole log.

    Readers of the warehouse see less than everything until then.

    Raises:
        MirrorBusyError: the mirror is running.
    """
    with advisory_lock(LOCK) as free:
        if not free:
            raise MirrorBusyError("The mirror is running: try again when it is done")
        store = store_open(settings.WAREHOUSE_URL)
        for name in LOG_TABLES:
            store.drop(name)
        readers.reader_restart(READER)


def mirror_retain(*, at: datetime) -> list[str]:
    """Delete from the columnar copy the months that the log has dropped.

    A month that is still a part of the log, though it is old enough, stays: not everybody has read
    it. It takes a commit of each table, so whoever is killed in between leaves something for the
    next one to do, and nothing that is done twice.

    Returns:
        The months that were deleted, such as ``2016-11``, in order.
    """
    floor = log_floor(at=at)
    if floor is None:
        return []
    with advisory_lock(LOCK) as free:
        if not free:
            return []
        store = store_open(settings.WAREHOUSE_URL)
        kept = {f"{partition.month:%Y-%m}" for partition in partitions_list()}
        found = {name: store.months(name) - kept for name in LOG_TABLES}
        gone = sorted(
            {month for months in found.values() for month in months if month < f"{floor:%Y-%m}"}
        )
        for name in LOG_TABLES:
            store.months_delete(name, gone)
            store.files_remove(name)
        return gone


def _next_batch(store: DeltaStore, limit: int) -> Batch | None:
    batch = readers.reader_plan(READER, limit)
    if batch is None or batch.after_txid == 0:
        return batch
    with readers.batch_watched(batch):
        gone = all(store.table(name) is None for name in LOG_TABLES)
    if gone:
        # The folder is new or was emptied: begin again.
        readers.reader_restart(READER)
        return readers.reader_plan(READER, limit)
    return batch


def _batch_mirror(store: DeltaStore, batch: Batch, result: MirrorResult) -> None:
    statement = sql_text("warehouse", "mirror_batch") + readers.batch_condition(batch)
    events = arrow_read(statement).cast(EVENTS)
    baskets = baskets_read(events)
    rows = {"events": events, "orders": baskets.orders, "order_lines": baskets.order_lines}
    for name, found in rows.items():
        _table_append(store, name, found, batch)
    readers.reader_confirm(READER, batch)
    result.batches += 1
    result.events += events.num_rows
    result.orders += baskets.orders.num_rows
    result.order_lines += baskets.order_lines.num_rows


def _table_append(store: DeltaStore, name: str, rows: pa.Table, batch: Batch) -> None:
    origin = f"Copy of the log whose first batch ends with {batch.upto_id}"
    table = store.create(name, LOG_TABLES[name], description=origin)
    done = table.transaction_version(READER)
    if not _fits(table, done, batch, origin):
        raise MirrorMismatchError(
            f"Columnar table {name!r} has batch {done}, the log goes on with {batch.number}: "
            f"they don't belong together, so rebuild the copy"
        )
    if done != batch.number:
        batch_append(table, rows, writer=READER, batch=batch.number)


def _fits(table: DeltaTable, done: int | None, batch: Batch, origin: str) -> bool:
    """Whether the batch is the one after the table's last, or the last one once more."""
    if batch.after_txid == 0:
        return done is None or (done == batch.number and table.metadata().description == origin)
    return done in {batch.number - 1, batch.number}
