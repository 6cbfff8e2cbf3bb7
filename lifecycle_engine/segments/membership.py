"""Writing who is in a segment, and who joined and left."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from django.db.models import F
from django.db.models.functions import Greatest, Now

from lifecycle_engine.core.bulk import copy_arrow
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.segments.models import Segment

#: Members written at a time: a segment may have millions.
_CHUNK = 200_000
_MEMBER = pa.schema({"customer_id": pa.int64(), "segment_id": pa.int64()})


@dataclass(frozen=True)
class Change:
    """How many joined a segment and left it."""

    joined: int = 0
    left: int = 0


def segment_lock(segment_id: int) -> AbstractContextManager[bool]:
    """Wait until nobody else writes the segment's membership, and keep everybody else waiting."""
    return advisory_lock(f"segment:{segment_id}", wait=True)


def membership_replace(*, segment_id: int, members: pa.Array, at: datetime, cause: str) -> Change:
    """Make these customers the segment's members, and nobody else.

    Inside a transaction, so that others see the old members until the new ones are complete.
    """
    changes = _write({segment_id: members}, None, at, cause)
    change = changes.get(segment_id, Change())
    size = Segment.objects.get(pk=segment_id).memberships.count()
    Segment.objects.filter(pk=segment_id).update(size=size, refreshed_at=Now())
    _sizes_note({segment_id: change}, at)
    return change


def membership_adjust(
    *, members: Mapping[int, pa.Array], asked: Sequence[int], at: datetime, cause: str
) -> dict[int, Change]:
    """Bring segments in line as far as some customers go; the other members stay as they are.

    Args:
        members: of the customers asked about those who belong to each segment, by its id.
        asked: who was asked about.
        at: since when, in business time.
        cause: why.

    Returns:
        How many joined and left the segments of which anybody did.
    """
    changes = _write(members, asked, at, cause)
    sizes_adjust(changes, at=at)
    Segment.objects.filter(pk__in=list(members)).update(refreshed_at=Now())
    return changes


def sizes_adjust(changes: Mapping[int, Change], *, at: datetime) -> None:
    """Bring the sizes of segments in line with who joined and left, by the segment's id."""
    for segment_id, change in changes.items():
        size = Greatest(F("size") + change.joined - change.left, 0)
        Segment.objects.filter(pk=segment_id).update(size=size)
    _sizes_note(changes, at)


def _write(
    members: Mapping[int, pa.Array], asked: Sequence[int] | None, at: datetime, cause: str
) -> dict[int, Change]:
    sql_execute("segments", "evaluated_create")
    if asked is not None:
        copy_arrow("segment_asked", pa.table({"customer_id": pa.array(asked, pa.int64())}))
    # Of many segments together: of each by itself, what it costs to begin would come to most.
    every = pa.concat_tables(
        [
            _MEMBER.empty_table(),
            *(_rows(segment_id, ids) for segment_id, ids in members.items()),
        ]
    )
    for start in range(0, len(every), _CHUNK):
        copy_arrow("segment_member", every.slice(start, _CHUNK))
    params = {
        "segment_ids": list(members),
        "everybody": asked is None,
        "at": at,
        "cause": cause,
    }
    found = sql_rows("segments", "membership_write", params)
    sql_execute("segments", "evaluated_drop")
    return {segment_id: Change(joined, left) for segment_id, joined, left in found}


def _rows(segment_id: int, ids: pa.Array) -> pa.Table:
    segment = pa.repeat(pa.scalar(segment_id, pa.int64()), len(ids))
    return pa.table([ids, segment], schema=_MEMBER)


def _sizes_note(changes: Mapping[int, Change], at: datetime) -> None:
    params = {
        "segment_ids": list(changes),
        "joined": [change.joined for change in changes.values()],
        "gone": [change.left for change in changes.values()],
        "day": at.astimezone(UTC).date(),
    }
    sql_execute("segments", "size_note", params)
