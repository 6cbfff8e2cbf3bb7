"""What happened to a customer, page by page."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.events.rows import LogEvent

_AFTER_ALL = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a timeline: just after an event, going back, or at the end of a moment."""

    occurred_at: datetime
    event_id: UUID = _AFTER_ALL

    def __str__(self) -> str:
        return f"{self.occurred_at.isoformat()}~{self.event_id}"


def place_read(text: str) -> Place | None:
    """The place that ``str`` of one gave; None where it is anything else."""
    moment, _tilde, event_id = text.partition("~")
    try:
        place = Place(datetime.fromisoformat(moment), UUID(event_id))
    except ValueError:
        return None
    return place if place.occurred_at.tzinfo else None


def timeline(
    *,
    customer_ids: Collection[int],
    before: Place,
    limit: int,
    start: datetime | None = None,
    names: Collection[str] | None = None,
) -> list[LogEvent]:
    """The events of some profiles before a place, newest first.

    However long the history, no more of it is read than is returned, unless only events of certain
    names are wanted: then what lies between them is read too.

    Args:
        customer_ids: the profiles, all of one customer's for instance.
        before: where to begin, going back.
        limit: so many at most.
        start: nothing earlier.
        names: only events of these names.
    """
    params = {
        "customer_ids": list(customer_ids),
        "at": before.occurred_at,
        "id": before.event_id,
        "limit": limit,
        "start": start,
        "names": None if names is None else list(names),
    }
    # Django hands jsonb out as text.
    return [
        LogEvent(*(*row[:5], msgspec.json.decode(row[5]), *row[6:]))
        for row in sql_rows("events", "timeline", params)
    ]
