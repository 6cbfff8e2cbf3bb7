"""Which column of a file fills which field."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifecycle_engine.events.imports.limits import ImportFileError
from lifecycle_engine.events.models import ImportKind


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of one kind have.

    Attributes:
        fields: the fields.
        required: groups of fields of which a file needs one each.
        free: the field that takes anything, also one by one as ``<field>.<name>``.
    """

    fields: tuple[str, ...]
    required: tuple[tuple[str, ...], ...]
    free: str | None = None

    def knows(self, name: str) -> bool:
        """Whether a column may fill that."""
        if name in self.fields:
            return True
        return self.free is not None and re.fullmatch(rf"{self.free}\..+", name) is not None


SHAPES: Mapping[ImportKind, Shape] = {
    ImportKind.CUSTOMERS: Shape(
        fields=(
            *("external_id", "email", "phone", "first_name", "last_name", "language"),
            *("time_zone", "country", "created_at", "attributes"),
        ),
        required=(("external_id",),),
        free="attributes",
    ),
    ImportKind.EVENTS: Shape(
        fields=("message_id", "user_id", "anonymous_id", "event", "timestamp", "properties"),
        required=(("event",), ("user_id", "anonymous_id")),
        free="properties",
    ),
    ImportKind.PRODUCTS: Shape(
        fields=(
            *("sku", "name", "brand", "department", "category", "price", "currency", "stock"),
            *("available", "url", "image_url", "attributes"),
        ),
        required=(("sku",), ("name",)),
        free="attributes",
    ),
    ImportKind.CONSENTS: Shape(
        fields=(
            *("external_id", "channel", "purpose", "granted", "recorded_at", "expires_at"),
            *("source", "text_version", "text_language", "text", "ip_address", "user_agent"),
        ),
        required=(("external_id",), ("purpose",), ("granted",), ("recorded_at",)),
    ),
    ImportKind.MEMBERS: Shape(
        fields=("external_id", "email", "phone"), required=(("external_id", "email", "phone"),)
    ),
}

#: Other names under which columns often come, by the field that they fill.
_ALSO = {
    "external_id": ("customer_id", "customer", "customer_number", "user_id", "id"),
    "user_id": ("external_id", "customer_id", "customer", "customer_number"),
    "event": ("event_name", "name"),
    "timestamp": ("time", "occurred_at", "event_time", "original_timestamp"),
    "first_name": ("firstname", "given_name"),
    "last_name": ("lastname", "surname", "family_name"),
    "time_zone": ("timezone",),
    "email": ("e_mail", "mail", "email_address"),
    "phone": ("telephone", "mobile", "phone_number"),
    "image_url": ("image", "image_link"),
    "url": ("link", "product_url"),
    "stock": ("quantity", "inventory"),
    "sku": ("product_id", "id"),
    "name": ("title", "product_name"),
    "recorded_at": ("time", "timestamp", "date"),
}


def mapping_complete(
    kind: ImportKind, columns: Sequence[str], given: Mapping[str, str]
) -> dict[str, str]:
    """The field of each column that fills one: as given, and for other columns by their names.

    A column that is given the empty field fills none.

    Raises:
        ImportFileError: a column or field is unknown or named twice, or a field is missing.
    """
    shape = SHAPES[kind]
    _given_checked(kind, columns, given)
    mapping = {column: name for column, name in given.items() if name}
    taken = set(mapping.values())
    guessed = fields_guessed(kind, [column for column in columns if column not in given])
    mapping |= {column: name for column, name in guessed.items() if name not in taken}
    if kind == ImportKind.EVENTS and "type" in columns:
        return mapping  # Items of the Segment specification, each of which says what it is.
    for group in shape.required:
        if not set(group) & set(mapping.values()):
            raise ImportFileError(
                f"has no column for {' or '.join(group)}; it has {', '.join(map(repr, columns))}"
            )
    return mapping


def _given_checked(kind: ImportKind, columns: Sequence[str], given: Mapping[str, str]) -> None:
    shape = SHAPES[kind]
    for column, name in given.items():
        if column not in columns:
            raise ImportFileError(
                f"has no column {column!r}; it has {', '.join(map(repr, columns))}"
            )
        if name and not shape.knows(name):
            raise ImportFileError(f"can't fill {name!r}: {kind} have {', '.join(shape.fields)}")
    twice = [name for name, count in Counter(given.values()).items() if name and count > 1]
    if twice:
        raise ImportFileError(f"has two columns for {', '.join(sorted(twice))}")


def fields_guessed(kind: ImportKind, columns: Sequence[str]) -> dict[str, str]:
    """The fields that the columns' names say."""
    shape = SHAPES[kind]
    guessed: dict[str, str] = {}
    by_name = {_plain(column): column for column in reversed(columns)}
    for name in shape.fields:
        for spelled in (name, *_ALSO.get(name, ())):
            column = by_name.get(spelled)
            if column is not None and column not in guessed:
                guessed[column] = name
                break
    for column in columns:
        if column not in guessed and column not in shape.fields and shape.knows(column):
            guessed[column] = column
    return guessed


def _plain(column: str) -> str:
    """``userId``, ``User ID`` and ``user-id`` are ``user_id``."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", column.strip())
    return re.sub(r"[^a-z0-9.]+", "_", words.lower()).strip("_")
