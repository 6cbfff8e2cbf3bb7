"""Attributes as the log tells of them: learning their kinds, and the history of a customer's.

The reader "attributes" looks at every ``identify``; who imports customers tells of theirs. A name
that is new gets the kind of its first values. What does not fit later is a conflict: counted, and
its place in the log noted, so that staff see an example. Nothing is dropped or converted; the
customer keeps what was sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.attributes import NAMES_LIMIT
from lifecycle_engine.customers.models import Attribute
from lifecycle_engine.customers.rows import ENCRYPTED_TRAITS
from lifecycle_engine.customers.selectors import profile_ids_of
from lifecycle_engine.events.items import IDENTIFY_NAME, TRAITS_WITH_A_COLUMN
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.quarantine import reader_handler
from lifecycle_engine.events.readers import batch_bounds, reader_advance
from lifecycle_engine.events.rows import Batch

READER = "attributes"
_LIMIT = 50_000

#: What the log holds in place of what is kept encrypted.
_HASHES = {f"{column}_hash": column for column in ENCRYPTED_TRAITS}

#: A page of history looks at this many events at most.
_EVENTS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """Something new that was said of a customer.

    Attributes:
        value: what was said; None for an encrypted trait, of which the log knows only that it
            changed.
        previous: what was said before that, if anything was.
        hidden: whether the values are not in the log.
    """

    event_id: UUID
    at: datetime
    source: str
    name: str
    value: Any
    previous: Any
    hidden: bool


@dataclass(frozen=True, slots=True)
class HistoryPlace:
    """Where a page of history ends, and the next one begins."""

    at: datetime
    event_id: UUID
    name: str


_NEWEST = HistoryPlace(datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1), "")


@dataclass(frozen=True, slots=True)
class AttributeHistory:
    """A page of history, the newest first, and where the next one begins if there is one."""

    changes: list[AttributeChange]
    following: HistoryPlace | None


def attributes_learn(*, limit: int = _LIMIT) -> int:
    """Read the log's next batch and learn from it; returns how many events."""
    return reader_advance(READER, _learn, limit).rows


@reader_handler(READER)
def _learn(batch: Batch) -> None:
    params: Mapping[str, Any] = {
        **batch_bounds(batch),
        "identify": IDENTIFY_NAME,
        "columns": [*TRAITS_WITH_A_COLUMN, *_HASHES],
    }
    _said_learn("attributes_said", params)


def attributes_learn_imported(
    *, documents: Sequence[Mapping[str, Any]], source: str, at: datetime
) -> None:
    """Learn from attributes that came in by a file, of which the log knows nothing.

    Called in the transaction that writes them, so that a row that is in once is counted once.
    """
    if any(documents):
        encoded = msgspec.json.encode(documents).decode()
        params = {"documents": encoded, "source": source, "at": at}
        _said_learn("attributes_imported", params)


def _said_learn(statement: str, params: Mapping[str, Any]) -> None:
    """Learn from what the statement puts aside."""
    sql_execute("events", "attributes_stage")
    sql_execute("events", statement, params)
    sql_execute("events", "attributes_learn", {"limit": NAMES_LIMIT})
    sql_execute("events", "attributes_count")


def attribute_history(
    *, customer_id: int, after: HistoryPlace | None = None, limit: int = 50
) -> AttributeHistory:
    """What changed in what was said of a customer, from the log, the newest first.

    It looks at 20,000 events at a time. Where there are more, what such a stretch says for the
    first time is left out: whether it was new can't be told.

    Args:
        customer_id: the customer; what its merged profiles said counts as its own.
        after: the place at which the last page ended.
        limit: how many changes a page has at most.
    """
    place = after or _NEWEST
    params = {
        "customer_ids": profile_ids_of(customer_ids=[customer_id]),
        "identify": IDENTIFY_NAME,
        "before_at": place.at,
        "before_id": place.event_id,
        "before_name": place.name,
        "events": _EVENTS_AT_ONCE,
        "limit": limit + 1,
    }
    rows = sql_rows("events", "attribute_history", params)
    cut = bool(rows) and rows[-1][-1] == _EVENTS_AT_ONCE
    changes = [_change(row) for row in rows[:limit] if not (cut and row[5] is None)]
    more = cut or len(rows) > limit
    return AttributeHistory(changes, _place(rows[:limit][-1]) if more else None)


def conflict_example(attribute: Attribute) -> Any:
    """The newest value that did not fit, from the log; None when it was erased or there is none."""
    if attribute.conflict_event_id is None or attribute.conflict_at is None:
        return None
    event = Event.objects.filter(
        pk=attribute.conflict_event_id, occurred_at=attribute.conflict_at
    ).first()
    return None if event is None else event.properties.get(attribute.name)


def _change(row: tuple[Any, ...]) -> AttributeChange:
    event_id, at, source, name, value, previous, _events = row
    hidden = name in _HASHES
    return AttributeChange(
        event_id=event_id,
        at=at,
        source=source,
        name=_HASHES.get(name, name),
        value=None if hidden else msgspec.json.decode(value),
        previous=None if hidden or previous is None else msgspec.json.decode(previous),
        hidden=hidden,
    )


def _place(row: tuple[Any, ...]) -> HistoryPlace:
    event_id, at, _source, name, *_values = row
    return HistoryPlace(at, event_id, name)
