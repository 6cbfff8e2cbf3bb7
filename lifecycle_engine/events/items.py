"""Checking one item of a batch of events, as the Segment specification has it, and reading it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard

import msgspec

from lifecycle_engine.core.documents import DocumentError, document_encode
from lifecycle_engine.customers.rows import Traits, text_problem, traits_problem

#: One event may have this many bytes as JSON.
ITEM_LIMIT = 32 * 1024

#: What an ``identify`` is called in the log.
IDENTIFY_NAME = "Customer Identified"

_NAME_LIMIT = 200
_ID_LIMIT = 200
_MESSAGE_ID_LIMIT = 100
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_MAY_BE_AHEAD = timedelta(days=1)
_CENT = Decimal("0.01")
_VALUE_LIMIT = Decimal(10) ** 12
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
_TRAIT_NAMES = {column: name for name, column in _TRAIT_COLUMNS.items()}


class ItemError(Exception):
    """An item is wrong; ``field`` names where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = f"{field} {message}"


class Item(msgspec.Struct, frozen=True, gc=False):
    """An item that is right: an event to be written once its customer is known."""

    message_id: str
    user_id: str | None
    anonymous_id: str | None
    name: str
    properties: bytes
    value: Decimal | None
    currency: str | None
    product_sku: str | None
    category: str | None
    campaign: str | None
    occurred_at: datetime
    traits: Traits | None


def item_read(item: object, *, received_at: datetime) -> Item:
    """Check an item and read it.

    Raises:
        ItemError: the item is wrong; the message names the field and the value.
    """
    if not _is_object(item):
        raise ItemError("item", f"wants an object, got {_shown(item)}")
    kind = _kind(item.get("type"))
    said = _object(item, kind)
    properties = _encoded(item, kind, said)
    message_id = _text(item, "messageId", _MESSAGE_ID_LIMIT)
    user_id, anonymous_id = _identifier(item, "userId"), _identifier(item, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise ItemError("userId", "is missing, and so is anonymousId")
    name = IDENTIFY_NAME if kind == "traits" else _text(item, "event", _NAME_LIMIT)
    return Item(
        message_id=message_id,
        user_id=user_id,
        anonymous_id=anonymous_id,
        name=name,
        properties=properties,
        occurred_at=_time("timestamp", item.get("timestamp"), received_at),
        traits=_traits(said, received_at) if kind == "traits" else None,
        **_promoted(said if kind == "properties" else {}, _context_campaign(item)),
    )


#: The types that are taken, and where each keeps what it says.
_KINDS = {"track": "properties", "identify": "traits"}


def _kind(given: object) -> str:
    if isinstance(given, str) and given in _KINDS:
        return _KINDS[given]
    problem = "is missing" if given is None else f"is unknown: {_shown(given)}"
    raise ItemError("type", f"{problem}; it wants one of {', '.join(_KINDS)}")


def _encoded(item: Mapping[str, Any], kind: str, said: Mapping[str, Any]) -> bytes:
    """What the item says, as JSON, when the whole item is a document that is not too long."""
    try:
        around = document_encode({name: value for name, value in item.items() if name != kind})
    except DocumentError as error:
        raise ItemError(error.path or "item", error.message) from None
    try:
        encoded = document_encode(said)
    except DocumentError as error:
        raise ItemError(f"{kind}.{error.path}".rstrip("."), error.message) from None
    # What joins the two: the name in quotes, a colon and a comma.
    size = len(around) + (len(encoded) + len(kind) + 4 if kind in item else 0)
    if size > ITEM_LIMIT:
        raise ItemError("item", f"has {size} bytes, the limit is {ITEM_LIMIT}")
    return encoded


def _text(item: Mapping[str, Any], name: str, limit: int) -> str:
    value = item.get(name)
    if value is None or value == "":
        raise ItemError(name, "is missing")
    if problem := text_problem(value, limit):
        raise ItemError(name, problem)
    return str(value)


def _identifier(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # Some clients send numbers.
    if problem := text_problem(value, _ID_LIMIT):
        raise ItemError(name, problem)
    return str(value)


def _object(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    if value is None:
        return {}
    if not _is_object(value):
        raise ItemError(name, f"wants an object, got {_shown(value)}")
    return value


def _time(name: str, value: object, received_at: datetime) -> datetime:
    if value is None:
        return received_at
    if not isinstance(value, str):
        raise ItemError(name, f"wants text as in ISO 8601, got {_shown(value)}")
    try:
        # A time without a zone is in UTC, as the specification has it.
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ItemError(name, f"is not a time as in ISO 8601: {_shown(value)}") from None
    if not _EARLIEST <= time <= received_at + _CLOCK_MAY_BE_AHEAD:
        raise ItemError(
            name,
            f"is not between 1970 and one day after it was received: {_shown(value)}",
        )
    return time


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
        created_at=created and _time(f"traits.{_CREATED}", created, received_at),
    )
    if problem := traits_problem(traits):
        raise ItemError(f"traits.{_TRAIT_NAMES.get(problem[0], problem[0])}", problem[1])
    return traits


def _context_campaign(item: Mapping[str, Any]) -> object:
    context = item.get("context")
    campaign = context.get("campaign") if _is_object(context) else None
    return campaign.get("name") if _is_object(campaign) else None


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    # Nearly always a dict, and asking an abstract class is slow.
    return type(value) is dict or isinstance(value, Mapping)


def _promoted(said: Mapping[str, Any], context_campaign: object) -> dict[str, Any]:
    """The columns that everything needs. What doesn't fit one stays in the properties only."""
    return {
        "value": _first_money(said.get("total"), said.get("revenue"), said.get("value")),
        "currency": _fitting(said.get("currency"), 3),
        "product_sku": _fitting(said.get("product_id") or said.get("sku"), 100),
        "category": _fitting(said.get("category"), 200),
        "campaign": _fitting(said.get("campaign") or context_campaign, 100),
    }


def _first_money(*values: object) -> Decimal | None:
    for value in values:
        if value is not None and (money := _money(value)) is not None:
            return money
    return None


def _money(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        money = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    if not money.is_finite() or abs(money) >= _VALUE_LIMIT - 1:
        return None
    return money.quantize(_CENT)


def _fitting(value: object, limit: int) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and 0 < len(value) <= limit else None


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
