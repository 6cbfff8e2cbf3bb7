"""Parquet files as tables: bounded before they are read."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lifecycle_engine.events.imports.chunks import (
    Chunk,
    Place,
    columns_checked,
    refusal,
    rows_checked,
)
from lifecycle_engine.events.imports.limits import (
    CELL_LIMIT,
    CHUNK_BYTES,
    CHUNK_BYTES_LIMIT,
    CHUNK_ROWS,
    ImportFileError,
)


class ParquetTable:
    """Columns with types. What says how much memory they take is read before any of them."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._file = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise ImportFileError(f"is no Parquet file that can be read: {error}") from None
        self._source = file
        schema = self._file.schema_arrow
        nested = {field.name for field in schema if pa.types.is_nested(field.type)}
        self.columns = columns_checked([name for name in schema.names if name not in nested])
        self.total: int | None = self._file.metadata.num_rows
        rows_checked(self._file.metadata.num_rows)

    def chunks(self, place: Place) -> Iterator[Chunk]:
        """The rows after the first so many, in chunks that fit into memory."""
        wanted = [name for name in self.columns if place.columns is None or name in place.columns]
        metadata = self._file.metadata
        passed, group = 0, 0
        while group < metadata.num_row_groups and (
            passed + metadata.row_group(group).num_rows <= place.rows
        ):
            passed += metadata.row_group(group).num_rows
            group += 1
        groups = list(range(group, metadata.num_row_groups))
        number, skip = passed, place.rows - passed
        for batch in self._batches(groups, wanted):
            number += batch.num_rows
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            kept = batch.slice(skip)
            skip = 0
            numbers = range(number - kept.num_rows + 1, number + 1)
            yield _parquet_chunk(number, numbers, kept)

    def _batches(self, groups: list[int], wanted: list[str]) -> Iterator[pa.RecordBatch]:
        if not groups or not wanted:
            return
        schema = self._file.schema_arrow
        # As dictionaries: a text that stands in the file once, and is said a million times by
        # rows, must not be written out a million times before anybody counts.
        texts = [name for name in wanted if _is_text(schema.field(name).type)]
        self._source.seek(0)
        file = pq.ParquetFile(
            self._source,
            read_dictionary=texts,
            buffer_size=1 << 20,
            pre_buffer=False,
        )
        try:
            yield from file.iter_batches(
                batch_size=_batch_rows(self._file.metadata, groups),
                row_groups=groups,
                columns=wanted,
                use_threads=False,
            )
        except (pa.ArrowException, OSError) as error:
            raise ImportFileError(f"is damaged: {error}") from None


def _parquet_chunk(number: int, numbers: range, batch: pa.RecordBatch) -> Chunk:
    if sum(map(_bytes_of, batch.columns)) > CHUNK_BYTES_LIMIT:
        raise ImportFileError(
            f"has {batch.num_rows} rows up to row {number} that come to more than "
            f"{CHUNK_BYTES_LIMIT} bytes"
        )
    columns = [_plain(column) for column in batch.columns]
    table = pa.table(columns, names=batch.schema.names)
    large = _large_rows(table)
    if not large:
        return Chunk(number, 0, numbers, table)
    refused = [
        refusal(numbers[row], name, f"has more than {CELL_LIMIT} bytes", "{}")
        for row, name in sorted(large.items())
    ]
    kept = [row for row in range(table.num_rows) if row not in large]
    return Chunk(number, 0, [numbers[row] for row in kept], table.take(kept), refused=refused)


def _large_rows(table: pa.Table) -> dict[int, str]:
    """Which rows have a cell that is too large, and in which column."""
    large: dict[int, str] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not _is_text(column.type) or not len(column):
            continue
        lengths = pc.binary_length(column)
        if (pc.max(lengths).as_py() or 0) > CELL_LIMIT:
            rows = pc.indices_nonzero(pc.greater(lengths, CELL_LIMIT)).to_pylist()
            large.update(dict.fromkeys(rows, name))
    return large


def _bytes_of(column: Any) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary)
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)


def _plain(column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_text(kind: Any) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _batch_rows(metadata: Any, groups: list[int]) -> int:
    """Rows that come to a chunk's bytes, by what the file says of itself."""
    widest = max(
        metadata.row_group(group).total_byte_size / max(1, metadata.row_group(group).num_rows)
        for group in groups
    )
    return max(100, min(CHUNK_ROWS, int(CHUNK_BYTES / max(1.0, widest))))
