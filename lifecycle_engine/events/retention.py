"""How long the log is kept: whole months are dropped once everybody has read them.

Which months have to go follows from the setting and the clock alone, so there is nothing to write
down and nothing to repair: whoever is killed on the way is followed by somebody who finds what is
left. Events of such a month are refused a day before it can be dropped.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection
from psycopg import sql

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.events.models import QuarantinedEvent, QuarantineState, Reader
from lifecycle_engine.events.partitions import partition_attach, partitions_forget

#: Requests that found a month open are done by then, and clocks don't differ by that much.
_GRACE = timedelta(days=1)
#: Nobody waits behind this for longer; the next sweep tries again.
_LOCK_WAIT = "5s"


@dataclass(frozen=True, slots=True)
class Partition:
    """The table of one month.

    Attributes:
        month: its first day.
        attached: whether it is part of the log; otherwise it is about to be dropped.
        detaching: whether somebody was interrupted in detaching it.
        rows: an estimate; None where the table was never analysed.
        bytes: on disk, with indexes.
    """

    name: str
    month: date
    attached: bool
    detaching: bool
    rows: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a month that is old enough is not dropped.

    Attributes:
        readers: who has not read all of it.
        unread: whether no reader has ever begun.
        quarantined: whether an event of it waits for staff in quarantine.
        busy: whether a long transaction looks at the log.
    """

    readers: tuple[str, ...] = ()
    unread: bool = False
    quarantined: bool = False
    busy: bool = False

    def __bool__(self) -> bool:
        return bool(self.readers) or self.unread or self.quarantined or self.busy


@dataclass(frozen=True, slots=True)
class Retirement:
    """What became of the months that are old enough: dropped, or held up and why."""

    dropped: list[date]
    held: dict[date, Hold]


def log_floor(*, at: datetime) -> datetime | None:
    """When the log begins: events before that are refused. None where it is kept for ever."""
    months: int | None = settings.EVENT_RETENTION_MONTHS
    if months is None:
        return None
    now = at.astimezone(UTC)
    number = now.year * 12 + now.month - 1 - months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def partitions_list() -> list[Partition]:
    """The log's months, newest first."""
    return [
        Partition(name, _month(name), attached, detaching, rows if rows >= 0 else None, size)
        for name, attached, detaching, rows, size in sql_rows("events", "partitions_list")
    ]


def partitions_expired(*, at: datetime) -> list[Partition]:
    """The months that are old enough to be dropped, oldest first."""
    floor = log_floor(at=at - _GRACE)
    found = partitions_list() if floor else []
    return [part for part in reversed(found) if floor and part.month < floor.date()]


def partition_hold(partition: Partition) -> Hold:
    """What holds a month up."""
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD.format(partition=sql.Identifier(partition.name)))
        behind = tuple(name for (name,) in cursor.fetchall())
        cursor.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(partition.name))
        )
        (filled,) = cursor.fetchone()
    start = datetime(partition.month.year, partition.month.month, 1, tzinfo=UTC)
    quarantined = QuarantinedEvent.objects.filter(
        state=QuarantineState.OPEN,
        occurred_at__gte=start,
        occurred_at__lt=(start + timedelta(days=31)).replace(day=1),
    )
    return Hold(
        readers=behind,
        unread=filled and not Reader.objects.exists(),
        quarantined=quarantined.exists(),
    )


def log_retire(*, at: datetime) -> Retirement:
    """Drop the months that are old enough and that every reader has passed.

    Writers and readers of the log go on meanwhile. A month is detached first, which waits for the
    transactions that look at it, and looked at once more: should something have come in that not
    everybody has read, it is attached again.

    Raises:
        RuntimeError: a transaction is open.
    """
    if connection.in_atomic_block:
        raise RuntimeError("log_retire can't run in a transaction")
    result = Retirement(dropped=[], held={})
    with advisory_lock("events.retention") as free:
        for partition in partitions_expired(at=at) if free else []:
            if hold := _partition_retire(partition):
                result.held[partition.month] = hold
            else:
                result.dropped.append(partition.month)
    return result


def _partition_retire(partition: Partition) -> Hold:
    hold = partition_hold(partition)
    if hold and not partition.detaching and partition.attached:
        return hold
    try:
        if partition.attached:
            _detach(partition)
        if hold := partition_hold(partition):
            partition_attach(partition.month)
            return hold
        _run(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition.name)))
    except OperationalError:
        return Hold(busy=True)
    finally:
        partitions_forget()
    return Hold()


def _detach(partition: Partition) -> None:
    how = sql.SQL("FINALIZE" if partition.detaching else "CONCURRENTLY")
    name = sql.Identifier(partition.name)
    _run(sql.SQL("ALTER TABLE events_event DETACH PARTITION {} {}").format(name, how))


def _run(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(_LOCK_WAIT)))
        try:
            cursor.execute(statement)
        finally:
            if connection.is_usable():
                cursor.execute("RESET lock_timeout")


def _month(name: str) -> date:
    year, month = name.split("_")[-2:]
    return date(int(year), int(month), 1)


#: The readers that have not come to the end of a month. One row is one of them.
_UNREAD = sql.SQL(
    "SELECT reader.name FROM events_reader AS reader, "
    "(SELECT txid, id FROM {partition} ORDER BY txid DESC, id DESC LIMIT 1) AS last "
    "WHERE (reader.txid, coalesce(reader.event_id, '00000000-0000-0000-0000-000000000000'))"
    " < (last.txid, last.id) ORDER BY reader.name"
)
