"""Rows of an event file one by one: those that are items already, and those that look odd."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from lifecycle_engine.core.documents import DocumentError, document_read
from lifecycle_engine.customers.rows import Traits
from lifecycle_engine.events.errors import ItemError
from lifecycle_engine.events.imports.cells import (
    CellError,
    object_cell_read,
    text_read,
    value_read,
)
from lifecycle_engine.events.imports.chunks import Refusal, object_read, refusal, text_shown
from lifecycle_engine.events.items import Document, Item, item_read

_NAMES = {
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "event": "event",
    "timestamp": "timestamp",
}
_FLAT = {name: field for field, name in _NAMES.items()}


@dataclass(slots=True)
class ItemsRead:
    """Items with the numbers of their rows, and the rows that are refused."""

    good: list[tuple[int, Item]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    @property
    def traits(self) -> dict[int, Traits]:
        """What is said of customers, by the number of the row."""
        return {number: item.traits for number, item in self.good if item.traits is not None}


@dataclass(frozen=True, slots=True)
class ItemReader:
    """Reads rows of a file as items.

    Attributes:
        mapping: the field of each column.
        digest: the file's; an event without a message id is called by it and its row.
        received_at: when the events count as received.
        floor: when the log begins: earlier events are refused.
    """

    mapping: Mapping[str, str]
    digest: str
    received_at: datetime
    floor: datetime | None = None

    def message_id(self, number: int) -> str:
        """The message id of a row that has none: the same whenever the file comes."""
        return f"{self.digest[:40]}-{number:010d}"

    def documents(self, numbered: Iterable[tuple[int, bytes]]) -> ItemsRead:
        """Read lines of JSON: items of the Segment specification, or rows by their columns."""
        read = ItemsRead()
        for number, document in numbered:
            try:
                read.good.append((number, self._document(number, document)))
            except ItemError as error:
                read.refused.append(_refusal(number, error, text_shown(document)))
        return read

    def rows(self, numbered: Iterable[tuple[int, Mapping[str, Any]]]) -> ItemsRead:
        """Read rows of cells."""
        read = ItemsRead()
        for number, row in numbered:
            try:
                read.good.append((number, self._row(number, row)))
            except ItemError as error:
                read.refused.append(_refusal(number, error, row))
        return read

    def _document(self, number: int, document: bytes) -> Item:
        try:
            row = object_read(document)
        except DocumentError as error:
            raise ItemError(error.path or "row", error.message) from None
        if "type" not in row:
            return self._row(number, row)
        if row.get("messageId") in (None, ""):
            row["messageId"] = self.message_id(number)
            return self._item(row)
        return self._item(document.strip())

    def _item(self, document: Document) -> Item:
        item = item_read(document, received_at=self.received_at)
        if self.floor is not None and item.occurred_at < self.floor:
            happened = item.occurred_at.isoformat()
            raise ItemError(
                "timestamp", f"is {happened}, before the log begins: {self.floor:%Y-%m-%d}"
            )
        return item

    def _row(self, number: int, row: Mapping[str, Any]) -> Item:
        said: dict[str, Any] = {}
        item: dict[str, Any] = {"type": "track"}
        for column, name in self.mapping.items():
            value = row.get(column)
            if value is None or value == "":
                continue
            if name == "properties":
                said = _object(name, value) | said
            elif name.startswith("properties."):
                said[name.removeprefix("properties.")] = value_read(value)
            else:
                item[_NAMES[name]] = _plain(value)
        item.setdefault("messageId", self.message_id(number))
        try:
            return self._item(item | {"properties": said})
        except ItemError as error:
            flat = _FLAT.get(error.field, error.field)
            raise ItemError(flat, error.message.removeprefix(error.field).lstrip()) from None


def _refusal(number: int, error: ItemError, values: Mapping[str, Any] | str) -> Refusal:
    # The field stands beside it.
    return refusal(number, error.field, error.message.removeprefix(f"{error.field} "), values)


def said_values(columns: Sequence[tuple[str, Sequence[Any]]], index: int) -> dict[str, Any]:
    """What the columns ``properties.…`` say in one row."""
    return {
        name: value_read(values[index])
        for name, values in columns
        if values[index] is not None and values[index] != ""
    }


def said_read(text: str) -> dict[str, Any]:
    """What a cell of properties says.

    Raises:
        DocumentError: it is no JSON object that a database can hold.
    """
    said = document_read(text.encode())
    if not isinstance(said, dict):
        raise DocumentError("", "wants an object")
    return said


said_encode = msgspec.json.Encoder(decimal_format="number").encode


def _object(name: str, value: object) -> dict[str, Any]:
    try:
        return object_cell_read(value)
    except CellError as error:
        raise ItemError(name, str(error)) from None


def _plain(value: object) -> object:
    """A cell as JSON has it: times as text, numbers that name somebody as text too."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    try:
        return text_read(value)
    except CellError:
        return value
