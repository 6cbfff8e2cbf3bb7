"""The shapes in which customers come in, and what makes them acceptable."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lifecycle_engine.core.documents import DocumentError, document_encode
from lifecycle_engine.customers.contacts import email_hash, phone_hash
from lifecycle_engine.customers.models import Customer

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_COUNTRY = re.compile(r"[A-Za-z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What may be said of a customer. None leaves as it is, an empty text clears.

    Attributes are merged into those that are there; one that is None is removed.
    """

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    language: str | None = None
    time_zone: str | None = None
    country: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow(Traits):
    """A customer by the number that the shop gave, with what is said of it."""

    external_id: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one row of a batch was refused; the others were taken."""

    index: int
    key: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """What became of a batch of rows."""

    created: int
    updated: int
    rejected: list[Rejection]


#: The columns of Traits that are text.
TEXT_TRAITS = (
    "email", "phone", "first_name", "last_name", "language", "time_zone", "country",
)  # fmt: skip

#: Those of them that are encrypted, with what gives the hash that they are looked up by. The
#: hashes stand beside them in columns of the same name with ``_hash``, in this order.
ENCRYPTED_TRAITS: Mapping[str, Callable[[str], str]] = {"email": email_hash, "phone": phone_hash}


def text_limits(model: Any, names: tuple[str, ...]) -> dict[str, int]:
    """How many characters each of the model's fields takes."""
    return {name: model._meta.get_field(name).max_length for name in names}  # noqa: SLF001


_TRAIT_LIMITS = text_limits(Customer, TEXT_TRAITS)
_EXTERNAL_ID_LIMIT = text_limits(Customer, ("external_id",))["external_id"]


def text_problem(value: object, limit: int) -> str | None:
    """Why the value can't be stored as text of that length, or None when it can."""
    if not isinstance(value, str):
        return f"wants text, got {value_shown(value)}"
    if len(value) > limit:
        return f"has {len(value)} characters, the limit is {limit}: {value_shown(value)}"
    if "\0" in value:
        return f"holds a NUL character: {value_shown(value)}"
    return (
        None if value.isascii() or _encodable(value) else f"is not valid text: {value_shown(value)}"
    )


def traits_problem(traits: Traits) -> tuple[str, str] | None:
    """The first field that is wrong and why, or None."""
    for name in TEXT_TRAITS:
        value = getattr(traits, name)
        if value is not None and (problem := text_problem(value, _TRAIT_LIMITS[name])):
            return name, problem
    if traits.email and not _EMAIL.fullmatch(traits.email):
        return "email", f"is not an e-mail address: {value_shown(traits.email)}"
    if traits.country and not _COUNTRY.fullmatch(traits.country):
        return "country", f"wants two letters, got {value_shown(traits.country)}"
    if traits.created_at is not None and traits.created_at.tzinfo is None:
        return "created_at", f"wants a time with a zone, got {value_shown(traits.created_at)}"
    return None


def document_problem(name: str, document: Any) -> tuple[str, str] | None:
    """Where in the named field, and why, the document can't be stored, or None when it can."""
    if not isinstance(document, Mapping):
        return name, f"wants an object, got {value_shown(document)}"
    try:
        document_encode(document)
    except DocumentError as error:
        return f"{name}.{error.path}".removesuffix("."), error.message
    return None


def customer_row_problem(row: CustomerRow) -> tuple[str, str] | None:
    """The first field that is wrong and why, or None."""
    if not row.external_id:
        return "external_id", "is missing"
    if problem := text_problem(row.external_id, _EXTERNAL_ID_LIMIT):
        return "external_id", problem
    return traits_problem(row) or document_problem("attributes", row.attributes)


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def value_shown(value: object) -> str:
    """The start of a value as plain characters, for an error message."""
    # ascii(), since the value may be what no answer can carry, such as half a surrogate pair.
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
