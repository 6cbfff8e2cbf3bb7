"""From the log to membership: who has news, and asking the rules about them.

The reader "segments" only collects who has news; this and its cursor commit together, so nobody is
lost or collected for nothing. Settling asks every segment about the collected customers, by their
own part of the log in PostgreSQL (``warehouse_session(customer_ids=…)``), and then notes that they
were asked. A crash before that repeats the evaluation, which changes nothing by then.

What the columnar copy has by then doesn't matter, so nobody waits for the mirror; the expressions,
and the statements that make orders of events, are the same as in a whole refresh.

A segment that is being computed as a whole is not waited for either: the customers stay collected
for this one segment, and it is asked about them when it is done.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.selectors import root_ids
from lifecycle_engine.events.quarantine import reader_handler
from lifecycle_engine.events.readers import batch_bounds, reader_advance
from lifecycle_engine.events.rows import Batch
from lifecycle_engine.segments.due import refresh_failed
from lifecycle_engine.segments.evaluation import SegmentRefreshError, members_select
from lifecycle_engine.segments.listed import lists_follow
from lifecycle_engine.segments.membership import Change, membership_adjust
from lifecycle_engine.segments.models import Segment, TouchedCustomer
from lifecycle_engine.segments.refreshing import RefreshReport, RefreshResult, moment_later
from lifecycle_engine.segments.selectors import (
    segments_dynamic,
    segments_levels,
    segments_reading,
)
from lifecycle_engine.warehouse.session import SessionTables, warehouse_session

READER = "segments"

#: Whoever asks segments about some customers holds this.
LOCK = "segments.touched"

#: Events collected at a time.
_EVENTS = 10_000
#: Customers asked about at a time: their whole history is in memory.
_CUSTOMERS = 2_000


def touched_collect(*, at: datetime, limit: int = _EVENTS) -> int:
    """Read the log's next batch and collect the customers in it; returns how many events."""
    return reader_advance(READER, lambda batch: _collect(batch, at), limit).rows


def customers_touch(*, customer_ids: Collection[int], at: datetime) -> None:
    """Have customers asked about for a reason that is not in the log, such as new scores."""
    TouchedCustomer.objects.bulk_create(
        [TouchedCustomer(customer_id=customer_id, due_at=at) for customer_id in customer_ids],
        batch_size=_EVENTS,
    )


def touched_settle(*, at: datetime, limit: int = _CUSTOMERS) -> RefreshReport | None:
    """Ask the segments about collected customers.

    Returns:
        None when there was nobody, or when another process is at it.
    """
    if not TouchedCustomer.objects.filter(due_at__lte=at, asked_at=None).exists():
        return None
    with advisory_lock(LOCK) as free:
        if not free:
            return None
        segments = list(segments_dynamic().order_by("pk"))
        with segments_held([segment.pk for segment in segments]) as held:
            return _settle(segments, held, at, limit)


def _settle(
    segments: Sequence[Segment], held: Collection[int], at: datetime, limit: int
) -> RefreshReport | None:
    params = {"at": at, "segment_ids": list(held), "limit": limit}
    rows = sql_rows("segments", "touched_due", params)
    if not rows:
        return None
    customer_ids = with_roots({customer_id for _, customer_id, _ in rows})
    moment = moment_of(held, at)
    only = {segment_id for _, _, segment_id in rows}
    if None in only:
        asked: Collection[int] = held
        later = [segment.pk for segment in segments if segment.pk not in held]
    else:
        # What is asked again may change what others read.
        reading = {segment.pk for segment in segments_reading(segments, only)}
        asked, later = reading & set(held), list(reading - set(held))
    report = held_ask(asked, customer_ids, moment, "event")
    with transaction.atomic():
        customers_later(customer_ids, later, at)
        rows_asked = TouchedCustomer.objects.filter(pk__in=[pk for pk, _, _ in rows])
        rows_asked.update(asked_at=moment)
    return report


def with_roots(profile_ids: Collection[int]) -> list[int]:
    """The profiles and the customers that they are part of, in order.

    A profile that became part of a customer leaves its segments, the customer may join them.
    """
    return sorted({*profile_ids, *root_ids(profile_ids=profile_ids).values()})


def customers_later(customer_ids: Sequence[int], segment_ids: Sequence[int], at: datetime) -> None:
    """Have segments that can't be asked now asked about the customers when they can."""
    if segment_ids:
        params = {"customer_ids": list(customer_ids), "segment_ids": list(segment_ids), "at": at}
        sql_execute("segments", "touched_later", params)


def moment_of(segment_ids: Collection[int], at: datetime) -> datetime:
    """The moment to ask segments as of, whose locks are held; see ``moment_later``."""
    asked = Segment.objects.filter(pk__in=segment_ids, asked_at__isnull=False)
    return moment_later(at, asked.aggregate(newest=Max("asked_at"))["newest"])


def held_ask(
    segment_ids: Collection[int], customer_ids: Sequence[int], moment: datetime, cause: str
) -> RefreshReport:
    """Ask the segments, whose locks are held, about the customers as of the moment."""
    report = RefreshReport()
    # Read under the locks: a definition may have changed since.
    ready = list(
        segments_dynamic()
        .filter(pk__in=segment_ids, error="", as_of__isnull=False, members_version=F("version"))
        .order_by("pk")
    )
    if not (customer_ids and ready):
        return report
    for start in range(0, len(customer_ids), _CUSTOMERS):
        part = customer_ids[start : start + _CUSTOMERS]
        with warehouse_session(as_of=moment, customer_ids=part) as tables:
            for level in segments_levels(ready):
                _level_ask(level, part, tables, cause, report)
                # What the next level reads of this one is in the database by now.
                tables.forget("memberships")
    return report


def _level_ask(
    level: Sequence[Segment],
    customer_ids: Sequence[int],
    tables: SessionTables,
    cause: str,
    report: RefreshReport,
) -> None:
    members = {}
    for segment in level:
        if segment.key in report.failed:
            continue
        try:
            members[segment.pk] = members_select(segment, tables)
        except SegmentRefreshError as error:
            report.failed[segment.key] = str(error)
            refresh_failed(segment_id=segment.pk, error=str(error), cause=cause)
    with transaction.atomic():
        changes = membership_adjust(
            members=members, asked=customer_ids, at=tables.as_of, cause=cause
        )
        Segment.objects.filter(pk__in=list(members)).update(asked_at=tables.as_of)
    sizes = dict(Segment.objects.filter(pk__in=list(members)).values_list("pk", "size"))
    for pk in members:
        change = changes.get(pk, Change())
        report.refreshed.append(RefreshResult(pk, sizes[pk] or 0, change.joined, change.left))


@contextmanager
def segments_held(segment_ids: Sequence[int]) -> Iterator[set[int]]:
    """Hold the locks of those of the segments that nobody else writes; yields their ids."""
    # Not waited for, so that no two wait in a circle.
    found = sql_rows("segments", "segments_lock", {"segment_ids": list(segment_ids)})
    held = {segment_id for segment_id, free in found if free}
    try:
        yield held
    finally:
        sql_rows("segments", "segments_unlock", {"segment_ids": list(held)})


@reader_handler(READER)
def _handle(batch: Batch) -> None:
    _collect(batch, business_now())


def _collect(batch: Batch, at: datetime) -> None:
    lists_follow(batch=batch, at=at)
    # A segment that comes later is first computed as a whole, with all that is in the log by then.
    if segments_dynamic().exists():
        sql_execute("segments", "touched_collect", batch_bounds(batch) | {"at": at})
