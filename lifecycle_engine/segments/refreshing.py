"""Whole refreshes: everybody is asked, on the columnar copy.

What is to be refreshed stands in the segment's own row (``refresh_due_at``), and queueing a task
only wakes somebody up. Whoever refreshes a segment holds its advisory lock, which PostgreSQL gives
up when the connection of a killed process ends; so there is no lease with a time limit, which would
be too short for a large segment or too long after a crash.

A whole refresh and the re-evaluation of touched customers (``touched``) may meet: the columnar copy
may lack what the latter has taken in. So customers with news that the copy lacks are asked about by
their own part of the log, exactly as if they were touched.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction
from django.db.models.functions import Now

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.selectors import root_ids
from lifecycle_engine.events.models import Reader
from lifecycle_engine.segments.due import refresh_failed, refresh_wait, refreshes_want
from lifecycle_engine.segments.evaluation import SegmentRefreshError, members_select
from lifecycle_engine.segments.membership import Change, membership_replace, segment_lock
from lifecycle_engine.segments.models import Segment, SegmentState
from lifecycle_engine.segments.selectors import segment_readers, segments_dynamic, segments_levels
from lifecycle_engine.warehouse import mirror
from lifecycle_engine.warehouse.session import warehouse_session

#: With more news than this that the columnar copy lacks, a whole refresh waits for it.
NEWS_AT_MOST = 50_000

#: Business time that went back by less than this is another machine's clock, and by more was set
#: back on purpose.
CLOCKS_DIFFER = timedelta(hours=1)

_CUSTOMERS_AT_ONCE = 2_000
_START = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class RefreshResult:
    """What a refresh of one segment came to."""

    segment_id: int
    size: int
    joined: int
    left: int


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh of many segments came to.

    Attributes:
        refreshed: those that worked.
        failed: the error of each that did not, by the segment's key.
    """

    refreshed: list[RefreshResult] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class CopyBehindError(SegmentRefreshError):
    """The columnar copy lacks too much; nothing is wrong, it has to be waited for."""


def segment_refresh(*, segment_id: int, at: datetime, cause: str) -> RefreshResult:
    """Compute the whole membership as of ``at``, and record who joined and who left.

    The old members stand until the new ones are complete, and where the definition changes
    meanwhile also after that: whoever changed it has asked for another refresh. The segments that
    read this one are refreshed after it when anything changed.

    Raises:
        SegmentRefreshError: it could not be computed. The membership stays, the error is recorded
            and the refresh is tried again after a while.
    """
    with segment_lock(segment_id):
        return _refresh(segment_id, at, cause)


def segment_refresh_due(*, segment_id: int, at: datetime) -> RefreshResult | None:
    """Do what ``segment_refresh`` does, unless somebody else has done it meanwhile."""
    with segment_lock(segment_id):
        due = Segment.objects.filter(pk=segment_id, refresh_due_at__lte=Now())
        segment = due.first()
        return _refresh(segment_id, at, segment.refresh_cause) if segment is not None else None


def segments_refresh_all(*, at: datetime, cause: str = "schedule") -> RefreshReport:
    """Compute the membership of every live segment with a rule, those that others read first.

    One that fails doesn't keep the others from being computed.
    """
    report = RefreshReport()
    for level in segments_levels(list(segments_dynamic().order_by("pk"))):
        for segment in level:
            try:
                report.refreshed.append(segment_refresh(segment_id=segment.pk, at=at, cause=cause))
            except SegmentRefreshError as error:
                report.failed[segment.key] = str(error)
    return report


def moment_later(at: datetime, asked_at: datetime | None) -> datetime:
    """The moment to ask rules as of: not before one that customers were asked as of already.

    Else what one machine has taken in would be undone by another whose clock is behind.
    """
    return asked_at if asked_at is not None and at < asked_at < at + CLOCKS_DIFFER else at


def _refresh(segment_id: int, at: datetime, cause: str) -> RefreshResult:
    row = Segment.objects.filter(pk=segment_id)
    row.update(computing_since=Now(), refresh_due_at=None, refresh_cause=cause)
    segment = row.get()
    moment = moment_later(at, segment.asked_at)
    started = time.monotonic()
    try:
        members = _members(segment, moment)
    except CopyBehindError as waiting:
        refresh_wait(segment_id=segment_id, reason=str(waiting), cause=cause)
        raise
    except SegmentRefreshError as error:
        refresh_failed(segment_id=segment_id, error=str(error), cause=cause)
        raise SegmentRefreshError(f"Segment {segment.key!r}: {error}") from error
    with transaction.atomic():
        return _complete(segment, members, moment, cause, time.monotonic() - started)


def _complete(
    segment: Segment, members: pa.Array, at: datetime, cause: str, seconds: float
) -> RefreshResult:
    stored = Segment.objects.select_for_update().get(pk=segment.pk)
    row = Segment.objects.filter(pk=segment.pk)
    if (stored.version, stored.state) != (segment.version, SegmentState.LIVE):
        row.update(computing_since=None)
        return RefreshResult(segment.pk, stored.size or 0, 0, 0)
    change = membership_replace(segment_id=segment.pk, members=members, at=at, cause=cause)
    row.update(
        as_of=at,
        asked_at=at,
        members_version=segment.version,
        refresh_seconds=seconds,
        computing_since=None,
        refresh_attempts=0,
        waits_for="",
        error="",
        failed_at=None,
    )
    if change != Change():
        readers = segment_readers(key=segment.key)
        refreshes_want(segment_ids=readers, cause=f"segment:{segment.pk}")
    stored.refresh_from_db(fields=["size"])
    return RefreshResult(segment.pk, stored.size or 0, change.joined, change.left)


def _members(segment: Segment, at: datetime) -> pa.Array:
    """For whom the rule holds; those with news that the copy lacks by their own part of the log."""
    place = copy_place()
    copy_news(place)
    with warehouse_session(as_of=at) as tables:
        members = members_select(segment, tables)
    news = sorted(copy_news(place))
    if not news:
        return members
    parts = [members.filter(pc.invert(pc.is_in(members, pa.array(news, pa.int64()))))]
    for start in range(0, len(news), _CUSTOMERS_AT_ONCE):
        part = news[start : start + _CUSTOMERS_AT_ONCE]
        with warehouse_session(as_of=at, customer_ids=part) as tables:
            parts.append(members_select(segment, tables))
    return pa.concat_arrays(parts)


def copy_place() -> tuple[int, str]:
    """Up to where the columnar copy has the log at least."""
    reader = Reader.objects.filter(name=mirror.READER).first()
    return (0, _START) if reader is None else (reader.txid, str(reader.event_id or _START))


def copy_news(place: tuple[int, str]) -> set[int]:
    """Customers, and profiles that are part of them, with events behind the place in the log.

    Raises:
        CopyBehindError: there are too many of these events, or the copy has gone back since.
    """
    if copy_place() < place:
        raise CopyBehindError("the columnar copy of the log is being made again")
    params = {"txid": place[0], "event_id": place[1], "limit": NEWS_AT_MOST + 1}
    rows = sql_rows("segments", "news_beyond", params)
    if sum(events for _, events in rows) > NEWS_AT_MOST:
        raise CopyBehindError("the columnar copy of the log is too far behind")
    profile_ids = {customer_id for customer_id, _ in rows}
    return {*profile_ids, *root_ids(profile_ids=profile_ids).values()}
