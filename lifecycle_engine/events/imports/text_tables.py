"""CSV and JSON Lines files as tables: read line by line, from any place on."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

import pyarrow as pa

from lifecycle_engine.core.documents import DocumentError
from lifecycle_engine.events.imports.chunks import (
    Chunk,
    Place,
    Refusal,
    columns_checked,
    object_read,
    refusal,
    rows_checked,
)
from lifecycle_engine.events.imports.escaping import cell_unescape
from lifecycle_engine.events.imports.files import Lines, RecordTooLongError
from lifecycle_engine.events.imports.limits import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    COLUMNS_LIMIT,
    RECORD_LIMIT,
    ImportFileError,
)

_SAMPLED = 1_000
_SEPARATORS = ",;\t|"
_TOO_LONG = f"has more than {RECORD_LIMIT} bytes"

_Row = TypeVar("_Row", list[str], bytes)


class CsvTable:
    """Records with a header; the separator is the one that the header has most of."""

    def __init__(self, lines: Lines) -> None:
        self.total: int | None = None
        self.columns: list[str] = []
        self._lines = lines
        self._texts = _Texts(lines)
        start = lines.offset
        header = first_line(lines)
        if not header:
            raise ImportFileError("is empty")
        separator = max(_SEPARATORS, key=header.decode(errors="replace").count)
        self._records = csv.reader(self._texts, delimiter=separator)
        lines.seek(start)
        record = self._next()
        if not isinstance(record, list):
            reason = record.message if record else "it is empty"
            raise ImportFileError(f"has no header that can be read: {reason}")
        names = [cell_unescape(name).strip() for name in record]
        self.columns = columns_checked(
            [name or f"column {place}" for place, name in enumerate(names, 1)]
        )
        self._body = lines.offset

    def chunks(self, place: Place) -> Iterator[Chunk]:
        """The records after the place."""
        self._lines.seek(place.offset or self._body)
        return _chunked(self._lines, self._rows(), place, self._chunk)

    def _chunk(self, chunk: Chunk, rows: list[list[str]]) -> Chunk:
        cells = zip(*rows, strict=True) if rows else [()] * len(self.columns)
        columns = [pa.array(column, pa.string()) for column in cells]
        return replace(chunk, table=pa.table(columns, names=self.columns))

    def _rows(self) -> Iterator[list[str] | Refusal]:
        while (row := self._next()) is not None:
            yield row

    def _next(self) -> list[str] | Refusal | None:
        """The next record that is not blank, or why it is refused, or None at the end."""
        record: list[str] | None = []
        while record == []:
            self._texts.begin_record()
            try:
                record = next(self._records, None)
            except RecordTooLongError:
                return refusal(0, "row", f"{_TOO_LONG}; is a quote not closed?", "{}")
            except csv.Error as error:
                return refusal(0, "row", f"can't be read: {error}", "{}")
        if record is None:
            return None
        values = dict(zip(self.columns, record, strict=False))
        if self._texts.broken:
            return refusal(0, "row", "is not text in UTF-8", values)
        if self.columns and len(record) != len(self.columns):
            message = f"has {len(record)} cells, the header has {len(self.columns)}"
            return refusal(0, "row", message, values)
        return [cell_unescape(cell) for cell in record]


class JsonLinesTable:
    """Objects, one a line."""

    def __init__(self, lines: Lines) -> None:
        self.total: int | None = None
        self._lines = lines
        self._body = lines.offset
        self.columns = self._sampled()

    def chunks(self, place: Place) -> Iterator[Chunk]:
        """The lines after the place; blank ones don't count."""
        self._lines.seek(place.offset or self._body)
        return _chunked(self._lines, self._rows(), place, _documents)

    def _rows(self) -> Iterator[bytes | Refusal]:
        while (row := self._next()) is not None:
            yield row

    def _next(self) -> bytes | Refusal | None:
        line = b"\n"
        while line and not line.strip():
            self._lines.begin_record()
            try:
                line = self._lines.line()
            except RecordTooLongError:
                return refusal(0, "row", _TOO_LONG, "{}")
        return line or None

    def _sampled(self) -> list[str]:
        """The names in the first lines."""
        names: dict[str, None] = {}
        for chunk in self.chunks(Place()):
            for document in chunk.documents[:_SAMPLED]:
                try:
                    names.update(dict.fromkeys(object_read(document)))
                except DocumentError:
                    continue
            break
        return list(names)[:COLUMNS_LIMIT]


class _Texts:
    """The lines of a CSV file as text, for csv.

    Not a generator: one that raises has ended, and this goes on behind what was too long.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        #: Whether the record holds what is not UTF-8.
        self.broken = False

    def begin_record(self) -> None:
        self._lines.begin_record()
        self.broken = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._lines.line()
        if not line:
            raise StopIteration
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.broken = True
            return line.decode(errors="replace")


def first_line(lines: Lines) -> bytes:
    """The first line that is not blank; the file stands behind it."""
    line = b"\n"
    try:
        while line and not line.strip():
            lines.begin_record()
            line = lines.line()
    except RecordTooLongError:
        raise ImportFileError(f"has a first line of more than {RECORD_LIMIT} bytes") from None
    if b"\0" in line:
        raise ImportFileError("is neither CSV, nor JSON Lines, nor Parquet")
    return line


def _chunked(
    lines: Lines,
    outcomes: Iterable[_Row | Refusal],
    place: Place,
    made: Callable[[Chunk, list[_Row]], Chunk],
) -> Iterator[Chunk]:
    """Rows and refusals in chunks of a bounded size, numbered."""
    start = lines.offset
    numbers: list[int] = []
    rows: list[_Row] = []
    refused: list[Refusal] = []
    number = place.rows
    for number, outcome in enumerate(outcomes, place.rows + 1):
        if isinstance(outcome, Refusal):
            refused.append(replace(outcome, row=number))
        else:
            numbers.append(number)
            rows.append(outcome)
        if len(rows) + len(refused) >= CHUNK_ROWS or lines.offset - start >= CHUNK_BYTES:
            rows_checked(number)
            yield made(Chunk(number, lines.offset, numbers, refused=refused), rows)
            start, numbers, rows, refused = lines.offset, [], [], []
    if rows or refused:
        rows_checked(number)
        yield made(Chunk(number, lines.offset, numbers, refused=refused), rows)


def _documents(chunk: Chunk, rows: list[bytes]) -> Chunk:
    return replace(chunk, documents=rows)
