"""Readers: named, durable cursors over the log, each of which sees every row exactly once.

The log is read in the order (writing transaction, id) and only below the oldest transaction that is
still open. By an id or a time alone a reader would pass over rows that commit late.

There are two kinds. One whose effect is in this database moves its cursor in the transaction of the
effect (``reader_advance``). One whose effect is elsewhere first writes down what it is about to
take (``reader_plan``), does it, and then says so (``reader_confirm``): after a crash in between it
is given the same rows under the same number again.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import django.db
import msgspec
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.events.models import Reader
from lifecycle_engine.events.rows import Batch, LogEvent, ReaderLag

#: Lag is counted up to here: no page that staff open counts millions of rows.
LAG_COUNTED_TO = 100_000

_START = UUID(int=0)
_ERROR_KEPT = 2_000


class ReaderError(Exception):
    """A reader is used in a way that would lose or repeat rows."""


def reader_advance(name: str, handle: Callable[[Batch], object], limit: int = 10_000) -> int:
    """Hand the next batch to ``handle`` and move the cursor, in one transaction.

    However often the process is killed, what ``handle`` writes to the database happens once. While
    another process holds the reader nothing is done: that one goes on with the work.

    Returns:
        How many rows were read; 0 when there was nothing, or the reader was taken.
    """
    Reader.objects.bulk_create([Reader(name=name)], ignore_conflicts=True)
    try:
        with transaction.atomic():
            reader = _reader_take(name)
            batch = _batch_next(reader, limit) if reader else None
            if reader is None or batch is None:
                return 0
            handle(batch)
            _reader_move(reader, batch)
    except BaseException as error:
        _error_note(name, error)
        raise
    return batch.count


def reader_plan(name: str, limit: int = 10_000) -> Batch | None:
    """Write down and return the next batch, or the planned one that was not confirmed yet.

    Two processes that plan for one reader get the same batch; hold an advisory lock where its
    effect must not happen twice at once.

    Returns:
        None when there is nothing to read.

    Raises:
        RuntimeError: a transaction is open, so that the plan would not be durable.
    """
    Reader.objects.bulk_create([Reader(name=name)], ignore_conflicts=True)
    with transaction.atomic(durable=True):
        reader = Reader.objects.select_for_update().get(name=name)
        if reader.pending_txid is not None:
            return _batch_pending(reader)
        batch = _batch_next(reader, limit)
        if batch is not None:
            reader.batch = batch.number
            reader.pending_txid, reader.pending_event_id = batch.upto_txid, batch.upto_id
            reader.save(update_fields=["batch", "pending_txid", "pending_event_id"])
        return batch


def reader_confirm(name: str, batch: Batch) -> None:
    """Move the cursor past a planned batch, whose effect is now durable elsewhere.

    Raises:
        ReaderError: it is not the batch that the reader has planned.
    """
    with transaction.atomic():
        reader = Reader.objects.select_for_update().get(name=name)
        planned = None if reader.pending_txid is None else reader.batch
        if planned != batch.number or batch.reader != name:
            raise ReaderError(
                f"Reader {name!r} has planned batch {planned}, "
                f"not batch {batch.number} of {batch.reader!r}"
            )
        _reader_move(reader, batch)


def batch_events(batch: Batch, *, names: Sequence[str] | None = None) -> list[LogEvent]:
    """The batch's events in the order of the log; only those with one of the names, if given."""
    params = _bounds(batch) | {"names": None if names is None else list(names)}
    # Django hands jsonb out as text.
    return [
        LogEvent(*(*row[:5], msgspec.json.decode(row[5]), *row[6:]))
        for row in sql_rows("events", "batch_events", params)
    ]


def batch_customer_ids(batch: Batch) -> list[int]:
    """The customers that the batch touches, each once, in order."""
    rows = sql_rows("events", "batch_customer_ids", _bounds(batch))
    return [customer_id for (customer_id,) in rows]


def batch_condition(batch: Batch) -> str:
    """The batch as a condition on ``events_event`` in SQL, for statements that go over ADBC.

    Safe to put into a statement: it is made of numbers and UUIDs only.
    """
    return (
        f"(txid, id) > ({int(batch.after_txid)}, '{UUID(str(batch.after_id))}'::uuid) "
        f"AND (txid, id) <= ({int(batch.upto_txid)}, '{UUID(str(batch.upto_id))}'::uuid)"
    )


def readers_lag(*, names: Iterable[str] | None = None) -> list[ReaderLag]:
    """How far each reader is behind, by name."""
    params = {"counted_to": LAG_COUNTED_TO, "names": None if names is None else list(names)}
    return [ReaderLag(*row) for row in sql_rows("events", "readers_lag", params)]


def _reader_take(name: str) -> Reader | None:
    """The reader, locked until the transaction ends, or None while another process holds it."""
    reader = Reader.objects.select_for_update(skip_locked=True).filter(name=name).first()
    if reader is not None and reader.pending_txid is not None:
        raise ReaderError(f"Reader {name!r} has planned batch {reader.batch}: confirm it first")
    return reader


def _batch_next(reader: Reader, limit: int) -> Batch | None:
    after_txid, after_id = reader.txid, reader.event_id or _START
    params = {"txid": after_txid, "id": after_id, "limit": limit}
    found = sql_rows("events", "batch_bounds", params)
    if not found:
        return None
    upto_txid, upto_id, count = found[0]
    return Batch(
        reader=reader.name,
        number=reader.batch + 1,
        after_txid=after_txid,
        after_id=after_id,
        upto_txid=upto_txid,
        upto_id=upto_id,
        count=count,
    )


def _batch_pending(reader: Reader) -> Batch:
    if reader.pending_txid is None or reader.pending_event_id is None:
        raise ReaderError(f"Reader {reader.name!r} has no planned batch")
    batch = Batch(
        reader=reader.name,
        number=reader.batch,
        after_txid=reader.txid,
        after_id=reader.event_id or _START,
        upto_txid=reader.pending_txid,
        upto_id=reader.pending_event_id,
        count=0,
    )
    ((count,),) = sql_rows("events", "batch_count", _bounds(batch))
    return replace(batch, count=count)


def _reader_move(reader: Reader, batch: Batch) -> None:
    Reader.objects.filter(pk=reader.pk).update(
        txid=batch.upto_txid,
        event_id=batch.upto_id,
        batch=batch.number,
        pending_txid=None,
        pending_event_id=None,
        read_total=F("read_total") + batch.count,
        moved_at=Now(),
        error="",
    )


def _bounds(batch: Batch) -> dict[str, object]:
    return {
        "after_txid": batch.after_txid,
        "after_id": batch.after_id,
        "upto_txid": batch.upto_txid,
        "upto_id": batch.upto_id,
    }


def _error_note(name: str, error: BaseException) -> None:
    # Where the connection itself is what failed, the first error is the one to see.
    with suppress(django.db.Error):
        text = f"{type(error).__name__}: {error}"[:_ERROR_KEPT].replace("\0", "")
        Reader.objects.filter(name=name).update(error=text)
