"""What completes what staff type: names and values that were really seen, the frequent ones first.

A condition's field says what completes it by ``json_schema_extra={"suggest": "event"}``; where it
says nothing, its name tells.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

from django.db.models import Q
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from lifecycle_engine.customers.attributes import attribute_values, attributes_known
from lifecycle_engine.customers.models import ConsentPurpose
from lifecycle_engine.rewards.models import Offer
from lifecycle_engine.scoring.classes import classes_known
from lifecycle_engine.scoring.schedule import is_momentary
from lifecycle_engine.sdk.channels import channels
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.segments.conditions.attributes import TEXT_FIELDS, TIME_FIELDS
from lifecycle_engine.segments.drafts_check import Place
from lifecycle_engine.segments.drafts_tree import Node
from lifecycle_engine.segments.models import Segment, SegmentState
from lifecycle_engine.segments.preview_seen import (
    catalogue_seen,
    column_values_seen,
    event_properties_seen,
    events_seen,
    property_values_seen,
)

LIMIT = 20

#: Columns whose values are few and name nobody.
_COMMON_COLUMNS = {"country", "language", "time_zone"}

_BY_FIELD = {
    "segment": "segment",
    "scorer": "scorer",
    "property": "property",
    "department": "department",
    "category": "category",
    "sku": "sku",
    "brand": "brand",
    "event": "event",
    "field": "attribute",
    "latitude_attribute": "attribute_name",
    "longitude_attribute": "attribute_name",
    "offer": "offer",
    "channel": "channel",
    "purpose": "purpose",
    "time_zone": "time_zone",
    "classes": "class",
}


@dataclass(frozen=True)
class Suggestion:
    """A value to choose, and what is known of it."""

    value: str
    note: str = ""


@dataclass(frozen=True)
class Asked:
    """What was typed where, and when."""

    term: str
    node: Node
    place: Place
    at: datetime


def source_of(key: str, place: Place) -> str:
    """What completes a field, by its name; empty for nothing."""
    name = str(place[-1])
    if name == "name" and key.startswith("event"):
        return "event"
    if name in {"value", "values"}:
        return "value"
    return _BY_FIELD.get(name, "")


def suggestions(source: str, asked: Asked) -> list[Suggestion]:
    """What begins with what was typed, or has it in it; none for an unknown source."""
    find = _SOURCES.get(source)
    return find(asked)[:LIMIT] if find else []


def _event(asked: Asked) -> list[Suggestion]:
    return _counted(events_seen(at=asked.at), asked.term)


def _property(asked: Asked) -> list[Suggestion]:
    return _counted(event_properties_seen(event=_event_of(asked), at=asked.at), asked.term)


def _attribute(asked: Asked) -> list[Suggestion]:
    typed = asked.term.removeprefix("attributes.")
    columns = [Suggestion(name, _("of every customer")) for name in (*TEXT_FIELDS, *TIME_FIELDS)]
    found = [one for one in columns if asked.term.lower() in one.value]
    known = attributes_known(prefix=typed, limit=LIMIT)
    return found + [Suggestion(f"attributes.{one.name}", one.description) for one in known]


def _value(asked: Asked) -> list[Suggestion]:
    part = _part(asked.node, asked.place[:-1])
    if part.get("property"):
        found = property_values_seen(
            event=_event_of(asked), name=str(part["property"]), at=asked.at
        )
        return _counted({value: times for value, times in found.items() if value}, asked.term)
    name = str(part.get("field", ""))
    if name.startswith("attributes."):
        name = name.removeprefix("attributes.")
        rows = attribute_values(name=name, prefix=asked.term, limit=LIMIT)
        return [Suggestion(row.value, number_format(row.customers)) for row in rows]
    if name in _COMMON_COLUMNS:
        return _counted(column_values_seen(column=name, at=asked.at), asked.term)
    return []


def _segment(asked: Asked) -> list[Suggestion]:
    live = Segment.objects.filter(
        Q(key__icontains=asked.term) | Q(name__icontains=asked.term), state=SegmentState.LIVE
    )
    return [Suggestion(one.key, one.name) for one in live.order_by("name")[:LIMIT]]


def _scorer(asked: Asked) -> list[Suggestion]:
    found = [one for one in scorers if asked.term in one.key and not is_momentary(one.key)]
    return [Suggestion(one.key, str(one.label)) for one in found]


def _class(asked: Asked) -> list[Suggestion]:
    known = classes_known(scorer_key=str(asked.node.get("scorer", "")))
    named = ((str(number), one.name) for number, one in sorted(known.items()))
    return _chosen(named, asked.term)


def _attribute_name(asked: Asked) -> list[Suggestion]:
    known = attributes_known(prefix=asked.term, limit=LIMIT)
    return [Suggestion(one.name, one.description) for one in known]


def _offer(asked: Asked) -> list[Suggestion]:
    found = Offer.objects.filter(Q(key__icontains=asked.term) | Q(name__icontains=asked.term))
    return [Suggestion(one.key, one.name) for one in found.order_by("-pk")[:LIMIT]]


def _channel(asked: Asked) -> list[Suggestion]:
    return _chosen(((one.key, str(one.label)) for one in channels), asked.term)


def _purpose(asked: Asked) -> list[Suggestion]:
    return _chosen(((one.value, str(one.label)) for one in ConsentPurpose), asked.term)


def _time_zone(asked: Asked) -> list[Suggestion]:
    return _chosen(((name, "") for name in sorted(available_timezones())), asked.term)


def _chosen(choices: Iterable[tuple[str, str]], term: str) -> list[Suggestion]:
    """Those whose value or words have in them what was typed."""
    wanted = term.lower()
    return [
        Suggestion(value, words)
        for value, words in choices
        if wanted in value.lower() or wanted in words.lower()
    ]


def _catalogue(column: str) -> Callable[[Asked], list[Suggestion]]:
    return lambda asked: _counted(catalogue_seen(column=column, at=asked.at), asked.term)


_SOURCES: Mapping[str, Callable[[Asked], list[Suggestion]]] = {
    "event": _event,
    "property": _property,
    "attribute": _attribute,
    "value": _value,
    "segment": _segment,
    "scorer": _scorer,
    "class": _class,
    "attribute_name": _attribute_name,
    "offer": _offer,
    "channel": _channel,
    "purpose": _purpose,
    "time_zone": _time_zone,
    "department": _catalogue("department"),
    "category": _catalogue("category"),
    "brand": _catalogue("brand"),
    "sku": _catalogue("sku"),
}


def _counted(seen: Mapping[str, int], term: str) -> list[Suggestion]:
    wanted = term.lower()
    found = [one for one in seen.items() if wanted in one[0].lower()]
    found.sort(key=lambda one: (not one[0].lower().startswith(wanted), -one[1], one[0]))
    return [Suggestion(value, number_format(count)) for value, count in found]


def _part(node: Node, place: Place) -> Node:
    at: object = node
    for step in place:
        try:
            at = at[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return {}
    return at if isinstance(at, dict) else {}


def _event_of(asked: Asked) -> str:
    """The event that a field is about: the nearest one named around it."""
    for length in range(len(asked.place) - 1, -1, -1):
        part = _part(asked.node, asked.place[:length])
        named = part.get("event") or part.get("name")
        if isinstance(named, str):
            return named
    return ""
