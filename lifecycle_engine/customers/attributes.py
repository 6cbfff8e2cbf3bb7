"""The registry of customers' attributes: which names there are, and what kind of value each has.

The log's reader "attributes" (``events.attribute_log``) learns them from traffic. A value that does
not fit is kept with the customer as it was sent, counted here, and shown to staff.
"""

from dataclasses import dataclass

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.models import Attribute, AttributeKind

#: So many names are learnt; what comes after them is kept with the customers but not listed here.
NAMES_LIMIT = 2_000

#: Values are counted over this many customers, the newest, so that any table is quick.
VALUES_SAMPLE = 20_000

_UNTROUBLED = {
    "conflicts": 0,
    "conflict_kind": "",
    "conflict_source": "",
    "conflict_at": None,
    "conflict_event_id": None,
}
_SHOWN = 20
_VALUE_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class KnownAttribute:
    """A name to choose from."""

    name: str
    kind: AttributeKind
    description: str
    conflicts: int


@dataclass(frozen=True, slots=True)
class AttributeValue:
    """A value of an attribute, and how many of the sampled customers have it."""

    value: str
    customers: int


def attribute_fix(
    *, attribute_id: int, kind: AttributeKind, fixed: bool = True, description: str = ""
) -> Attribute:
    """Say what kind an attribute has, which traffic never changes, and what it means.

    Conflicts are counted anew when it is another kind than before.
    """
    attribute = Attribute.objects.get(pk=attribute_id)
    changes: dict[str, object] = {"kind": kind, "fixed": fixed, "description": description}
    if kind != attribute.kind:
        changes |= _UNTROUBLED
    Attribute.objects.filter(pk=attribute_id).update(**changes)
    attribute.refresh_from_db()
    return attribute


def attributes_known(*, prefix: str = "", limit: int = _SHOWN) -> list[KnownAttribute]:
    """The names that begin with the prefix, the most used first."""
    if "\0" in prefix:
        return []
    rows = Attribute.objects.filter(name__istartswith=prefix).order_by("-seen", "name")[:limit]
    return [
        KnownAttribute(row.name, AttributeKind(row.kind), row.description, row.conflicts)
        for row in rows
    ]


def attribute_values(*, name: str, prefix: str = "", limit: int = _SHOWN) -> list[AttributeValue]:
    """The most frequent values of an attribute among the newest customers, as texts.

    Lists and objects are left out, and so are long texts: nobody chooses these from a list. The
    values are read from the customers each time and kept nowhere, so that an erased one is gone.
    """
    if "\0" in name or "\0" in prefix:
        return []
    rows = sql_rows(
        "customers",
        "attribute_values",
        {
            "name": name,
            "prefix": prefix.lower(),
            "sample": VALUES_SAMPLE,
            "characters": _VALUE_CHARACTERS,
            "limit": limit,
        },
    )
    return [AttributeValue(value, count) for value, count in rows]
