"""The monthly partitions of the log."""

import math
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction
from psycopg import sql

from lifecycle_engine.core.sql import sql_rows

#: For so long a process takes it for granted that a partition that it saw is still there.
_SEEN_SECONDS = 60.0
_seen_at: dict[date, float] = {}
#: Months made ahead of time.
_AHEAD = 2


def partitions_ensure(*, months: Iterable[date | datetime]) -> list[str]:
    """Make the partitions of the months that hold the given days, where they are missing.

    A partition is made by itself and then attached, which blocks neither readers nor writers of the
    log; making it as a partition at once would lock the whole log. Of two processes that need the
    same month one waits for the other.

    Returns:
        The names of the partitions that were made.
    """
    firsts = {date(day.year, day.month, 1) for day in map(_in_utc, months)}
    now = time.monotonic()
    firsts = {first for first in firsts if _seen_at.get(first, -math.inf) < now - _SEEN_SECONDS}
    missing = _missing(firsts) if firsts else []
    if not missing:
        if not connection.in_atomic_block:
            # What an open transaction sees may be its own, and gone when it is rolled back.
            _seen_at.update(dict.fromkeys(firsts, now))
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('events.partitions', 0))")
        missing = _missing(firsts)
        for first in missing:
            cursor.execute(_create_statement(first))
    return [_name(first) for first in missing]


def months_of(moments: Iterable[datetime]) -> set[date]:
    """The first days of the months, in UTC, of moments in whatever zone."""
    days = {moment.astimezone(UTC).date() for moment in moments}
    return {day.replace(day=1) for day in days}


def partitions_prepare(*, at: datetime) -> list[str]:
    """Make the partitions of the months to come, so that no request has to wait for one.

    Returns:
        The names of the partitions that were made.
    """
    first = _in_utc(at).replace(day=1)
    # Day 1 and so many times 31 days fall into each of the next months.
    return partitions_ensure(
        months=[first + timedelta(days=31 * ahead) for ahead in range(_AHEAD + 1)]
    )


def _in_utc(day: date | datetime) -> date:
    return day.astimezone(UTC) if isinstance(day, datetime) else day


def _name(first: date) -> str:
    return f"events_event_{first:%Y_%m}"


def _missing(firsts: Iterable[date]) -> list[date]:
    by_name = {_name(first): first for first in firsts}
    params = {"names": sorted(by_name)}
    return [by_name[name] for (name,) in sql_rows("events", "partitions_missing", params)]


def partition_attach(first: date) -> None:
    """Make the table of a month, which is there by itself, part of the log again."""
    with connection.cursor() as cursor:
        cursor.execute(_attach_statement(first))


def partitions_forget() -> None:
    """Take for granted no longer that the partitions that this process saw are there."""
    _seen_at.clear()


def _create_statement(first: date) -> sql.Composed:
    # The check lets PostgreSQL attach without looking through the rows; it is then superfluous.
    start, end = _bounds(first)
    return (
        sql.SQL(
            "CREATE TABLE {name} (LIKE events_event INCLUDING ALL, CONSTRAINT {check} CHECK ("
            "occurred_at >= {start} AND occurred_at < {end}));"
        ).format(
            name=sql.Identifier(_name(first)),
            check=sql.Identifier(f"{_name(first)}_month"),
            start=start,
            end=end,
        )
        + _attach_statement(first)
        + sql.SQL("ALTER TABLE {name} DROP CONSTRAINT {check}").format(
            name=sql.Identifier(_name(first)), check=sql.Identifier(f"{_name(first)}_month")
        )
    )


def _attach_statement(first: date) -> sql.Composed:
    start, end = _bounds(first)
    return sql.SQL(
        "ALTER TABLE events_event ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end});"
    ).format(name=sql.Identifier(_name(first)), start=start, end=end)


def _bounds(first: date) -> tuple[sql.Literal, sql.Literal]:
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return sql.Literal(f"{first} 00:00:00+00"), sql.Literal(f"{after} 00:00:00+00")
