"""Checking one item of a batch of events, as the Segment specification has it, and reading it.

An item is a JSON document. What it says is decoded to be checked, and then stored as the bytes that
were sent: encoding it again would be half of the work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeGuard, cast

import msgspec
from uuid_utils.compat import uuid7

from lifecycle_engine.core.documents import DocumentError, document_encode, document_read
from lifecycle_engine.customers.rows import (
    ENCRYPTED_TRAITS,
    Traits,
    text_problem,
    traits_problem,
)
from lifecycle_engine.events.errors import ItemError, shown
from lifecycle_engine.events.promoted import columns_promoted
from lifecycle_engine.events.times import time_read, times_read

#: One event may have this many bytes as JSON.
ITEM_LIMIT = 32 * 1024

#: What an ``identify`` is called in the log.
IDENTIFY_NAME = "Customer Identified"

_NAME_LIMIT = 200
_ID_LIMIT = 200
_MESSAGE_ID_LIMIT = 100
#: Traits that have a column of their own, by their name in the specification.
_TRAIT_COLUMNS = {
    "email": "email",
    "phone": "phone",
    "firstName": "first_name",
    "lastName": "last_name",
    "language": "language",
    "timezone": "time_zone",
    "country": "country",
}
#: When the customer's account was made; what a customer list calls first seen.
_CREATED = "createdAt"
TRAITS_WITH_A_COLUMN = (*_TRAIT_COLUMNS, _CREATED)
_NOTHING = msgspec.Raw()
_TRAIT_NAMES = {column: name for name, column in _TRAIT_COLUMNS.items()}


#: An item as it comes in: bytes are JSON, anything else is what can be written as such.
Document: TypeAlias = object


class Item(msgspec.Struct, frozen=True, gc=False):
    """An item that is right: an event to be written once its customer is known.

    Attributes:
        also_known_as: another anonymous id of the same customer, from an ``alias``.
        original_timestamp: when it happened by the client's clock, where it said so.
        sent_at: when it was sent by the client's clock, where it said so.
    """

    message_id: str
    user_id: str | None
    anonymous_id: str | None
    also_known_as: str | None
    name: str
    properties: bytes
    value: Decimal | None
    currency: str | None
    product_sku: str | None
    category: str | None
    campaign: str | None
    occurred_at: datetime
    original_timestamp: datetime | None
    sent_at: datetime | None
    traits: Traits | None


@dataclass(frozen=True)
class Sending:
    """What one request says of all its items.

    Attributes:
        sent_at: when the client's clock said that it went out; None where it did not say.
        campaign: the campaign of items that name none.
        kind: the type of items that name none.
        makes_ids: whether an item without a message id is given one, instead of being refused.
    """

    sent_at: object = None
    campaign: object = None
    kind: str | None = None
    makes_ids: bool = False


#: A request of items alone.
NOTHING_SAID = Sending()


class _Given(msgspec.Struct, rename="camel", gc=False):
    """An item as it came. What can have any type is checked by hand, for an error that helps."""

    type: Any = None
    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    group_id: Any = None
    event: Any = None
    name: Any = None
    category: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None
    properties: msgspec.Raw = _NOTHING
    traits: msgspec.Raw = _NOTHING
    context: msgspec.Raw = _NOTHING


class _Context(msgspec.Struct, gc=False):
    campaign: Any = None
    traits: msgspec.Raw = _NOTHING


_ENCODED = (bytes, msgspec.Raw)
_NO_CONTEXT = _Context()
_given = msgspec.json.Decoder(_Given).decode
_context = msgspec.json.Decoder(_Context).decode


def item_read(
    document: Document, *, received_at: datetime, sending: Sending = NOTHING_SAID
) -> Item:
    """Check an item and read it.

    Args:
        document: the item.
        received_at: the time of an item that names none, and the latest that one may name, but for
            a day that a client's clock may be ahead.
        sending: what the request says of all its items.

    Raises:
        ItemError: the item is wrong; the message names the field and the value.
    """
    encoded = _encoded(document)
    given = _opened(encoded)
    try:
        if len(encoded) > ITEM_LIMIT:
            raise ItemError("item", f"has {len(encoded)} bytes, the limit is {ITEM_LIMIT}")
        return _item(given, received_at, sending)
    except ItemError as error:
        error.message_id = given.message_id if isinstance(given.message_id, str) else ""
        raise


def _item(given: _Given, received_at: datetime, sending: Sending) -> Item:
    kind = given.type if given.type is not None else sending.kind
    if not isinstance(kind, str) or kind not in _KINDS:
        problem = "is missing" if kind is None else f"is unknown: {shown(kind)}"
        raise ItemError("type", f"{problem}; it wants one of {', '.join(_KINDS)}")
    context = _NO_CONTEXT if given.context is _NOTHING else _context_read(given.context)
    where, raw = _said_where(kind, given, context)
    properties, said = _said(where, raw)
    traits = None
    if kind == "identify":
        traits = _traits(said, received_at)
        properties = _without_contacts(properties, said, traits)
    user_id = _identifier("userId", given.user_id)
    anonymous_id = _identifier("anonymousId", given.anonymous_id)
    if user_id is None and anonymous_id is None:
        raise ItemError("userId", "is missing, and so is anonymousId")
    name, extra = _named(kind, given)
    occurred_at, original, sent = times_read(
        timestamp=given.timestamp,
        original=given.original_timestamp,
        sent=given.sent_at if given.sent_at is not None else sending.sent_at,
        received_at=received_at,
    )
    about = said if where == "properties" else {}
    # By place, since every event comes by here and names take as long as four of its checks.
    return Item(
        _message_id(given, sending),
        user_id,
        anonymous_id,
        extra.get("previousId") if extra else None,
        name,
        _with(properties, extra) if extra else properties,
        *columns_promoted(about, _campaign_name(context) or sending.campaign),
        occurred_at,
        original,
        sent,
        traits,
    )


#: What each type is called in the log; a ``track`` is called by its event.
_KINDS = {
    "track": "",
    "identify": IDENTIFY_NAME,
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "group": "Group Joined",
    "alias": "Customer Aliased",
}


def _encoded(document: Document) -> bytes:
    if type(document) in _ENCODED:
        return bytes(cast("bytes | msgspec.Raw", document))
    try:
        return document_encode(document)
    except DocumentError as error:
        raise ItemError(error.path or "item", error.message) from None


def _opened(encoded: bytes) -> _Given:
    try:
        return _given(encoded)
    except msgspec.ValidationError:
        got = ascii(encoded[:60].decode(errors="replace"))[1:-1]
        raise ItemError("item", f"wants an object, got {got}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ItemError("item", f"is not JSON text: {error}") from None


def _context_read(raw: msgspec.Raw) -> _Context:
    if bytes(raw) == b"null":
        return _NO_CONTEXT
    try:
        return _context(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ItemError("context", f"wants an object: {error}") from None


def _campaign_name(context: _Context) -> object:
    campaign = context.campaign
    return campaign.get("name") if isinstance(campaign, dict) else None


def _said_where(kind: str, given: _Given, context: _Context) -> tuple[str, bytes]:
    """The member that holds what the item says, and its bytes."""
    if kind in ("identify", "group"):
        # RudderStack's clients put the traits into the context.
        return "traits", bytes(given.traits) or bytes(context.traits)
    return "properties", bytes(given.properties)


def _said(where: str, raw: bytes) -> tuple[bytes, Mapping[str, Any]]:
    if not raw or raw == b"null":
        return b"{}", {}
    try:
        said = document_read(raw)
    except DocumentError as error:
        raise ItemError(f"{where}.{error.path}".rstrip("."), error.message) from None
    if not isinstance(said, dict):
        raise ItemError(where, f"wants an object, got {shown(said)}")
    return raw, said


def _named(kind: str, given: _Given) -> tuple[str, dict[str, str]]:
    """What the event is called, and what the item says of it outside its properties."""
    if kind == "track":
        return _text("event", given.event, _NAME_LIMIT), {}
    if kind == "alias":
        previous = _identifier("previousId", given.previous_id)
        if previous is None:
            raise ItemError("previousId", "is missing")
        return _KINDS[kind], {"previousId": previous}
    if kind == "group":
        group = _identifier("groupId", given.group_id)
        if group is None:
            raise ItemError("groupId", "is missing")
        return _KINDS[kind], {"groupId": group}
    if kind == "identify":
        return _KINDS[kind], {}
    shown = {"name": given.name, "category": given.category}
    return _KINDS[kind], {
        name: _text(name, value, _NAME_LIMIT) for name, value in shown.items() if value
    }


def _with(properties: bytes, extra: Mapping[str, str]) -> bytes:
    """The properties with what was said beside them; what they say themselves goes before."""
    # The last of two members with one name counts, in PostgreSQL as in JavaScript.
    inner = properties.strip()[1:].lstrip()
    return document_encode(extra)[:-1] + (inner if inner == b"}" else b"," + inner)


def _message_id(given: _Given, sending: Sending) -> str:
    if given.message_id in (None, "") and sending.makes_ids:
        return uuid7().hex
    return _text("messageId", given.message_id, _MESSAGE_ID_LIMIT)


def _is_plain(value: object, limit: int) -> TypeGuard[str]:
    """Whether it is what it mostly is: short text without anything to look into."""
    return type(value) is str and 0 < len(value) <= limit and value.isascii() and "\0" not in value


def _text(name: str, value: object, limit: int) -> str:
    if _is_plain(value, limit):
        return value
    if value is None or value == "":
        raise ItemError(name, "is missing")
    if problem := text_problem(value, limit):
        raise ItemError(name, problem)
    return str(value)


def _identifier(name: str, value: object) -> str | None:
    if value is None or value == "":
        return None
    if _is_plain(value, _ID_LIMIT):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # Some clients send numbers.
    if problem := text_problem(value, _ID_LIMIT):
        raise ItemError(name, problem)
    return str(value)


def _traits(said: Mapping[str, Any], received_at: datetime) -> Traits:
    columns: dict[str, Any] = {
        column: "" if said[name] is None else said[name]
        for name, column in _TRAIT_COLUMNS.items()
        if name in said
    }
    attributes = {
        name: value
        for name, value in said.items()
        if name not in _TRAIT_COLUMNS and name != _CREATED
    }
    created = said.get(_CREATED)
    traits = Traits(
        **columns,
        attributes=attributes,
        created_at=created and time_read(f"traits.{_CREATED}", created, received_at),
    )
    if problem := traits_problem(traits):
        raise ItemError(f"traits.{_TRAIT_NAMES.get(problem[0], problem[0])}", problem[1])
    return traits


def _without_contacts(encoded: bytes, said: Mapping[str, Any], traits: Traits) -> bytes:
    """The traits with hashes instead of what is kept encrypted: the log holds no address."""
    if not any(_TRAIT_NAMES[column] in said for column in ENCRYPTED_TRAITS):
        return encoded
    kept = dict(said)
    for column, hashed in ENCRYPTED_TRAITS.items():
        value = getattr(traits, column)
        if value is not None:
            del kept[_TRAIT_NAMES[column]]
            kept[f"{column}_hash"] = hashed(value)
    return document_encode(kept)
