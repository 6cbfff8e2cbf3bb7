"""Names and values that were really seen, with their frequency, for completing what staff type.

Each is one cheap query on the columnar copy, kept with the session of the previews.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import ibis
import ibis.expr.types as ir

from lifecycle_engine.segments.preview_sessions import Kept, preview_sessions

#: So many names and values are known; of an event so many are looked at for its properties.
NAMES_MAX = 500
EVENTS_SAMPLE = 2_000

_VALUE_CHARACTERS = 100

Seen = Mapping[str, int]
Found = TypeVar("Found")


def events_seen(*, at: datetime) -> Seen:
    """The names of events, and how often each happened."""
    return _kept(at, ("events",), lambda kept: _frequent(kept, kept.tables.events.name))


def event_properties_seen(*, event: str, at: datetime) -> Seen:
    """The properties of an event, and how many of the sampled ones have each."""
    return {name: values.total() for name, values in _sampled(event, at).items()}


def property_values_seen(*, event: str, name: str, at: datetime) -> Seen:
    """The values of an event's property, and how many of the sampled events have each."""
    return dict(_sampled(event, at).get(name, Counter()).most_common(NAMES_MAX))


def column_values_seen(*, column: str, at: datetime) -> Seen:
    """The values of a column of the customers, and how many have each."""
    return _kept(
        at, ("column", column), lambda kept: _frequent(kept, kept.tables.customers[column])
    )


def catalogue_seen(*, column: str, at: datetime) -> Seen:
    """The values of a column of the catalogue, and how many products have each."""
    return _kept(
        at, ("catalogue", column), lambda kept: _frequent(kept, kept.tables.products[column])
    )


def _kept(at: datetime, key: tuple[str, ...], compute: Callable[[Kept], Found]) -> Found:
    with preview_sessions.use(at) as kept:
        if key not in kept.results:
            kept.results[key] = compute(kept)
        found: Found = kept.results[key]
        return found


def _frequent(kept: Kept, column: ir.Column) -> Seen:
    table = column.name("value").as_table()
    counted = table.filter(table.value.notnull() & (table.value != "")).group_by("value")
    rows = counted.aggregate(times=lambda found: found.count())
    rows = rows.order_by(ibis.desc("times"), "value").limit(NAMES_MAX)
    found = kept.tables.execute(rows)
    return dict(zip(found["value"].to_pylist(), found["times"].to_pylist(), strict=True))


def _sampled(event: str, at: datetime) -> Mapping[str, Counter[str]]:
    """What the properties of some events of that name are: by property, how often each value."""

    def compute(kept: Kept) -> Mapping[str, Counter[str]]:
        events = kept.tables.events
        rows = events.filter(events.name == event).select("properties").limit(EVENTS_SAMPLE)
        found: dict[str, Counter[str]] = {}
        for text in kept.tables.execute(rows)["properties"].to_pylist():
            for name, value in json.loads(text or "{}").items():
                # A counter without values still says that the property is there.
                found.setdefault(name, Counter())[_plain(value)] += 1
        return found

    return _kept(at, ("properties", event), compute)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)[:_VALUE_CHARACTERS]
    return ""
