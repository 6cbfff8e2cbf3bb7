"""The rows of a file, some thousands at a time, whatever its format."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from lifecycle_engine.core.documents import DocumentError, document_read
from lifecycle_engine.events.imports.limits import (
    COLUMNS_LIMIT,
    ROW_SHOWN,
    ROWS_LIMIT,
    ImportFileError,
)

_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is not imported; ``values`` is the row as JSON, as far as it could be read."""

    row: int
    field: str
    message: str
    values: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file, either as columns or as documents.

    Attributes:
        rows: how many rows of the file are read with this chunk.
        offset: the byte of the file at which the next chunk begins, where that is known.
        numbers: which rows of the file these are; the first one is 1.
        table: their columns, text in all cells where the file has no types.
        documents: or what they say, each as JSON.
        refused: rows that could not be read.
    """

    rows: int
    offset: int
    numbers: Sequence[int]
    table: pa.Table | None = None
    documents: Sequence[bytes] = ()
    refused: Sequence[Refusal] = field(default=())

    def head(self, count: int) -> list[tuple[int, dict[str, Any]]]:
        """The first few rows that can be read."""
        if self.table is None:
            first = replace(self, documents=self.documents[:count], numbers=self.numbers[:count])
        else:
            first = replace(self, table=self.table.slice(0, count), numbers=self.numbers[:count])
        return first.read()[0]

    def read(self) -> tuple[list[tuple[int, dict[str, Any]]], list[Refusal]]:
        """The rows one by one, each with its number, and those that are no objects."""
        if self.table is not None:
            return list(zip(self.numbers, rows_of(self.table), strict=True)), []
        good, refused = [], []
        for number, document in zip(self.numbers, self.documents, strict=True):
            try:
                good.append((number, object_read(document)))
            except DocumentError as error:
                refused.append(
                    refusal(number, error.path or "row", error.message, text_shown(document))
                )
        return good, refused


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go on in a file.

    Attributes:
        rows: rows that are passed over.
        offset: the byte at which they end, as their last chunk said.
        columns: the columns that are wanted; all where None.
    """

    rows: int = 0
    offset: int = 0
    columns: Sequence[str] | None = None


class Table(Protocol):
    """A file as a table.

    Attributes:
        columns: the names of its columns, or those that its first rows have.
        total: how many rows there are, where the file says so.
    """

    columns: list[str]
    total: int | None

    def chunks(self, place: Place) -> Iterator[Chunk]:
        """The rows after the place."""


def columns_checked(columns: list[str]) -> list[str]:
    """The names of a file's columns, which are not too many and differ.

    Raises:
        ImportFileError: they don't.
    """
    if len(columns) > COLUMNS_LIMIT:
        raise ImportFileError(f"has {len(columns)} columns, the limit is {COLUMNS_LIMIT}")
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise ImportFileError(f"has two columns with one name: {', '.join(sorted(twice))}")
    return columns


def rows_checked(count: int) -> None:
    """Stop at a file with too many rows.

    Raises:
        ImportFileError: it has.
    """
    if count > ROWS_LIMIT:
        raise ImportFileError(f"has more than {ROWS_LIMIT} rows")


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a table one by one; text that is not UTF-8 is kept as Python can."""
    columns = [_values(column) for column in table.columns]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: Any) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        cells = column.cast(pa.binary()).to_pylist()
        return [None if cell is None else cell.decode(errors="surrogateescape") for cell in cells]


def object_read(document: bytes) -> dict[str, Any]:
    """A line of JSON as an object.

    Raises:
        DocumentError: it is none, or holds what a database can't.
    """
    row = document_read(document)
    if not isinstance(row, dict):
        raise DocumentError("", f"wants an object, got {text_shown(document)[:60]}")
    return row


def refusal(row: int, name: str, message: str, values: Mapping[str, Any] | str) -> Refusal:
    """A refusal that the database can keep."""
    if not isinstance(values, str):
        values = encoded_shown(values)
    return Refusal(row, _storable(name)[:200], _storable(message), _storable(values)[:ROW_SHOWN])


def encoded_shown(values: Mapping[str, Any]) -> str:
    """A row as JSON, for somebody to look at."""
    shown = {name: value for name, value in values.items() if value is not None}
    try:
        return _encode(shown).decode()
    except (TypeError, ValueError, RecursionError):
        return ascii(shown)


def text_shown(document: bytes) -> str:
    """A line as text, for somebody to look at."""
    return document.decode(errors="replace").strip()


def _storable(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()
