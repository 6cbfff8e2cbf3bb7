"""Readers: named, durable cursors over the log, each of which sees every row exactly once.

The log is read in the order (writing transaction, id) and only below the oldest transaction that is
still open. By an id or a time alone a reader would pass over rows that commit late.

There are two kinds. One whose effect is in this database moves its cursor in the transaction of the
effect (``reader_advance``). One whose effect is elsewhere first writes down what it is about to
take (``reader_plan``), does it, and then says so (``reader_confirm``): after a crash in between it
is given the same rows under the same number again.

One process at a time works a reader. The first kind holds the lock of its row for the length of its
transaction; the second kind takes an advisory lock around plan, effect and confirmation. PostgreSQL
gives both up when the connection of a killed process ends, so there is no lease to run out.

What follows when a batch fails stands in ``failures``. The first kind looks for the event that
fails and passes it (``quarantine``). The second kind can't: a part of the planned batch may be in
the store already, under the batch's number, so a smaller batch under that number would be skipped
there, and under the next one doubled. It says that it is stuck and goes on trying, ever more
seldom, until somebody has mended what is wrong.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import django.db
import msgspec
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.events.failures import (
    QUARANTINE_ROOM,
    failure_follow_up,
    failure_is_transient,
    failure_text,
)
from lifecycle_engine.events.models import Event, QuarantinedEvent, QuarantineState, Reader
from lifecycle_engine.events.rows import Advance, Batch, LogEvent, ReaderLag, ReaderState

#: Lag is counted up to here: no page that staff open counts millions of rows.
LAG_COUNTED_TO = 100_000

_START = UUID(int=0)
_logger = logging.getLogger(__name__)


class ReaderError(Exception):
    """A reader is used in a way that would lose or repeat rows."""


def reader_advance(name: str, handle: Callable[[Batch], object], limit: int = 10_000) -> Advance:
    """Hand the next batch to ``handle`` and move the cursor, in one transaction.

    However often the process is killed, what ``handle`` writes to the database happens once. While
    another process holds the reader, or while it waits after a failure, nothing is done.

    What ``handle`` raises is written down and raised on, unless it ended with the one event of the
    batch in quarantine.
    """
    Reader.objects.bulk_create([Reader(name=name)], ignore_conflicts=True)
    batch = None
    try:
        with transaction.atomic():
            reader = _reader_take(name)
            if reader is None:
                return Advance(taken=True)
            if _waits(reader):
                return Advance(retry_at=reader.retry_at)
            batch = _batch_next(reader, _limit(reader, limit))
            if batch is None:
                return Advance()
            handle(batch)
            _reader_move(reader, batch)
    except Exception as error:
        if batch is not None and _failure_settle(batch, error, divisible=True):
            return Advance(rows=batch.count, quarantined=batch.upto_id)
        raise
    return Advance(rows=batch.count)


def reader_plan(name: str, limit: int = 10_000) -> Batch | None:
    """Write down and return the next batch, or the planned one that was not confirmed yet.

    Two processes that plan for one reader get the same batch; hold an advisory lock where its
    effect must not happen twice at once.

    Returns:
        None when there is nothing to read, or while the reader waits after a failure
        (``reader_waits`` says until when).

    Raises:
        RuntimeError: a transaction is open, so that the plan would not be durable.
    """
    Reader.objects.bulk_create([Reader(name=name)], ignore_conflicts=True)
    with transaction.atomic(durable=True):
        reader = Reader.objects.select_for_update().get(name=name)
        if _waits(reader):
            return None
        if reader.pending_txid is not None:
            return _batch_pending(reader)
        batch = _batch_next(reader, limit)
        if batch is not None:
            reader.batch = batch.number
            reader.pending_txid, reader.pending_event_id = batch.upto_txid, batch.upto_id
            reader.save(update_fields=["batch", "pending_txid", "pending_event_id"])
        return batch


@contextmanager
def batch_watched(batch: Batch) -> Iterator[None]:
    """Around the effect and the confirmation of a planned batch: what fails there is written down.

    The next plans return nothing until the reader has waited.
    """
    try:
        yield
    except Exception as error:
        _failure_settle(batch, error, divisible=False)
        raise


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


def reader_waits(name: str) -> datetime | None:
    """Until when the reader waits after a failure; None when it may read."""
    return (
        Reader.objects.filter(name=name, retry_at__gt=Now())
        .values_list("retry_at", flat=True)
        .first()
    )


def reader_retry_now(name: str) -> None:
    """Let a reader that waits try again with its next turn."""
    Reader.objects.filter(name=name).update(retry_at=None)


def reader_restart(name: str) -> None:
    """Send a reader whose effect was thrown away back to the beginning of the log.

    Batches go on being counted, so that a store outside the database never sees a number twice.
    """
    Reader.objects.filter(name=name).update(
        txid=0, event_id=None, pending_txid=None, pending_event_id=None, **_UNTROUBLED
    )


def batch_events(batch: Batch, *, names: Sequence[str] | None = None) -> list[LogEvent]:
    """The batch's events in the order of the log; only those with one of the names, if given."""
    params = batch_bounds(batch) | {"names": None if names is None else list(names)}
    # Django hands jsonb out as text.
    return [
        LogEvent(*(*row[:5], msgspec.json.decode(row[5]), *row[6:]))
        for row in sql_rows("events", "batch_events", params)
    ]


def batch_customer_ids(batch: Batch) -> list[int]:
    """The customers that the batch touches, each once, in order."""
    rows = sql_rows("events", "batch_customer_ids", batch_bounds(batch))
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
    """How far each reader is behind, and how it is, by name."""
    params = {"counted_to": LAG_COUNTED_TO, "names": None if names is None else list(names)}
    return [_lag(row) for row in sql_rows("events", "readers_lag", params)]


def _lag(row: tuple[Any, ...]) -> ReaderLag:
    values: tuple[Any, ...] = (*row[:-1], ReaderState(row[-1]))
    return ReaderLag(*values)


def _reader_take(name: str) -> Reader | None:
    """The reader, locked until the transaction ends, or None while another process holds it."""
    reader = _reader_lock(name)
    if reader is not None and reader.pending_txid is not None:
        raise ReaderError(f"Reader {name!r} has planned batch {reader.batch}: confirm it first")
    return reader


def _reader_lock(name: str) -> Reader | None:
    return Reader.objects.select_for_update(skip_locked=True).filter(name=name).first()


def _waits(reader: Reader) -> bool:
    # Asked of the database: its clock is the one that every process shares.
    return reader.retry_at is not None and reader_waits(reader.name) is not None


def _limit(reader: Reader, limit: int) -> int:
    """As many rows as wanted, or half of those among which one is known to fail."""
    return limit if reader.suspects is None else min(limit, max(1, reader.suspects // 2))


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
    ((count,),) = sql_rows("events", "batch_count", batch_bounds(batch))
    return replace(batch, count=count)


#: The columns of a reader that nothing is wrong with.
_UNTROUBLED = {
    "failures": 0, "blamed": 0, "error": "", "failed_at": None, "retry_at": None,
    "suspects": None, "stuck_at": None,
}  # fmt: skip


def _reader_move(reader: Reader, batch: Batch, *, handled: bool = True) -> None:
    untroubled = dict(_UNTROUBLED)
    if reader.suspects is not None and reader.suspects > batch.count:
        # The event that fails is still ahead.
        untroubled |= {
            "suspects": reader.suspects - batch.count,
            "error": reader.error,
            "failed_at": reader.failed_at,
        }
    Reader.objects.filter(pk=reader.pk).update(
        txid=batch.upto_txid,
        event_id=batch.upto_id,
        batch=batch.number,
        pending_txid=None,
        pending_event_id=None,
        read_total=F("read_total") + (batch.count if handled else 0),
        moved_at=Now(),
        **untroubled,
    )


def _failure_settle(batch: Batch, error: Exception, *, divisible: bool) -> bool:
    """Write down that a batch failed; True when its one event is in quarantine and was passed."""
    # Where the connection itself is what failed, the first error is the one to see.
    with suppress(django.db.Error), transaction.atomic():
        reader = _reader_lock(batch.reader)
        # Somebody else may have got further in the meantime: then there is nothing to settle.
        if reader is None or not _stands_before(reader, batch):
            return False
        unresolved = QuarantinedEvent.objects.filter(reader=reader, state=QuarantineState.OPEN)
        following = failure_follow_up(
            failures=reader.failures,
            blamed=reader.blamed,
            suspects=reader.suspects,
            count=batch.count,
            transient=failure_is_transient(error),
            divisible=divisible,
            room=len(unresolved[:QUARANTINE_ROOM]) < QUARANTINE_ROOM,
        )
        if following.quarantine:
            _batch_quarantine(reader, batch, failure_text(error))
            _logger.error(
                "Reader %s passed event %s: %s", reader.name, batch.upto_id, failure_text(error)
            )
            return True
        Reader.objects.filter(pk=reader.pk).update(
            failures=following.failures,
            blamed=following.blamed,
            error=failure_text(error),
            failed_at=Now(),
            retry_at=None if following.wait is None else Now() + following.wait,
            suspects=following.suspects,
            stuck_at=(reader.stuck_at or Now()) if following.stuck else None,
        )
    return False


def _stands_before(reader: Reader, batch: Batch) -> bool:
    place = (reader.txid, reader.event_id or _START)
    return place == (batch.after_txid, batch.after_id)


def _batch_quarantine(reader: Reader, batch: Batch, error: str) -> None:
    # Nothing of the event is decoded here: that may be what fails.
    event = Event.objects.only("occurred_at").get(pk=batch.upto_id, txid=batch.upto_txid)
    QuarantinedEvent.objects.bulk_create(
        [
            QuarantinedEvent(
                reader=reader,
                event_id=event.pk,
                txid=batch.upto_txid,
                occurred_at=event.occurred_at,
                error=error,
            )
        ],
        # A reader that was sent back meets the event again.
        update_conflicts=True,
        unique_fields=["reader", "event_id"],
        update_fields=["error", "state", "quarantined_at"],
    )
    _reader_move(reader, batch, handled=False)


def batch_bounds(batch: Batch) -> dict[str, object]:
    """The places between which the batch lies, as parameters of a statement."""
    return {
        "after_txid": batch.after_txid,
        "after_id": batch.after_id,
        "upto_txid": batch.upto_txid,
        "upto_id": batch.upto_id,
    }
