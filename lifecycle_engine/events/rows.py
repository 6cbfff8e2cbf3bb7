"""The shapes in which events and products come in and batches go out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.rows import document_problem, text_problem, value_shown


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one item of a batch was refused; the others were taken."""

    index: int
    message_id: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch of events: each was accepted, was known already, or was refused."""

    accepted: int
    duplicates: int
    rejected: list[Rejection]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What became of rejected events: taken in after all, or refused again."""

    taken: int
    refused: int


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something that the engine itself did. ``message_id`` says what may not happen twice."""

    customer_id: int
    name: str
    message_id: str
    occurred_at: datetime
    properties: Mapping[str, Any] = field(default_factory=dict)
    value: Decimal | None = None
    currency: str | None = None
    product_sku: str | None = None
    campaign: str | None = None


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """One event as it is written to the log; ``properties`` is encoded JSON."""

    source: str
    customer_id: int
    message_id: str
    name: str
    properties: bytes
    value: Decimal | None
    currency: str | None
    product_sku: str | None
    category: str | None
    campaign: str | None
    occurred_at: datetime
    received_at: datetime | None = None
    original_timestamp: datetime | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """A product of the catalogue, whole: what is not said is emptied."""

    sku: str
    name: str
    brand: str = ""
    department: str = ""
    category: str = ""
    price: Decimal | None = None
    currency: str = ""
    stock: int | None = None
    url: str = ""
    image_url: str = ""
    available: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)


#: The columns of the catalogue that a ProductRow fills, in its order.
PRODUCT_COLUMNS = tuple(field.name for field in fields(ProductRow))

_PRODUCT_LIMITS = {
    "sku": 100, "name": 300, "brand": 100, "department": 100, "category": 200, "currency": 3,
    "url": 200, "image_url": 200,
}  # fmt: skip
_PRICE_LIMIT = Decimal(10) ** 12
_STOCK_LIMIT = 2**31
# Anything else could be run by the browser of whoever follows it.
_URL = re.compile(r"https?://[^\s<>\"\\]+", re.IGNORECASE)


def product_row_problem(row: ProductRow) -> tuple[str, str] | None:
    """The first field that is wrong and why, or None."""
    for name, limit in _PRODUCT_LIMITS.items():
        if problem := text_problem(getattr(row, name), limit):
            return name, problem
    for name in ("sku", "name"):
        if not getattr(row, name):
            return name, "is missing"
    return (
        figures_problem(price=row.price, stock=row.stock)
        or _urls_problem(row)
        or document_problem("attributes", row.attributes)
    )


def figures_problem(*, price: Decimal | None, stock: int | None) -> tuple[str, str] | None:
    """Which figure of a product is wrong and why, or None."""
    if price is not None and not (price.is_finite() and 0 <= price < _PRICE_LIMIT):
        return "price", f"wants an amount from 0 to below {_PRICE_LIMIT}, got {price}"
    if stock is not None and not 0 <= stock < _STOCK_LIMIT:
        return "stock", f"wants a number from 0 to below {_STOCK_LIMIT}, got {stock}"
    return None


def _urls_problem(row: ProductRow) -> tuple[str, str] | None:
    for name in ("url", "image_url"):
        url = getattr(row, name)
        if url and not _URL.fullmatch(url):
            return name, f"wants an address with http or https, got {value_shown(url)}"
    return None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event as a reader takes it from the log."""

    id: UUID
    txid: int
    customer_id: int
    source: str
    name: str
    properties: Mapping[str, Any]
    value: Decimal | None
    currency: str | None
    product_sku: str | None
    category: str | None
    campaign: str | None
    occurred_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The next rows of a reader: those after one place in the log, up to and with another.

    The rows between two places never change, so a batch that is taken again is the same.

    Attributes:
        number: rises by one with each batch of the reader; a store outside the database may keep it
            to know what it has already taken. 0 where staff have one event handled again.
        count: how many rows there are.
    """

    reader: str
    number: int
    after_txid: int
    after_id: UUID
    upto_txid: int
    upto_id: UUID
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What came of a reader's turn.

    Attributes:
        rows: how many rows the cursor passed; 0 when nothing was done.
        quarantined: the one event that was passed because it can't be handled.
        taken: another process is at work on the reader, so nothing was done.
        retry_at: the reader waits after a failure, so nothing was done before this moment.
    """

    rows: int = 0
    quarantined: UUID | None = None
    taken: bool = False
    retry_at: datetime | None = None


class ReaderState(TextChoices):
    """What a reader is doing, as ``readers_lag.sql`` tells it from its row."""

    READING = "reading", _("reading")
    WAITING = "waiting", _("waiting to try again")
    SEARCHING = "searching", _("looking for the event that fails")
    STUCK = "stuck", _("stuck")


@dataclass(frozen=True, slots=True)
class ReaderLag:
    """How far a reader is behind the end of the log, and how it is.

    Attributes:
        rows: unread rows, counted up to ``LAG_COUNTED_TO``.
        seconds: the age of the oldest unread row; 0 when there is none.
        retry_at: not tried before; None when it is not waiting.
        quarantined: events in quarantine that nobody has resolved.
    """

    name: str
    rows: int
    seconds: float
    read_total: int
    moved_at: datetime | None
    error: str
    failed_at: datetime | None
    failures: int
    retry_at: datetime | None
    quarantined: int
    state: ReaderState
