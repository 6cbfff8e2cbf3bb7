"""Rows of an event file column by column: no Python object per cell where nothing is odd.

What is checked here is what ``item_read`` checks, by the same limits. A row that does not pass is
not refused here: it is read again by ``item_read``, which may know better and says exactly what is
wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle_engine.core.documents import DocumentError
from lifecycle_engine.events.imports.event_items import said_encode, said_read, said_values
from lifecycle_engine.events.items import ITEM_LIMIT, Item
from lifecycle_engine.events.promoted import columns_promoted

_LIMITS = {"message_id": 100, "user_id": 200, "anonymous_id": 200, "event": 200}
_TIME = pa.timestamp("us", "UTC")
_ISO = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?"
_ZONED, _BARE = rf"{_ISO}(Z|[+-]\d\d:\d\d)$", rf"{_ISO}$"
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_MAY_BE_AHEAD = timedelta(days=1)
#: What an item has besides its properties is well below this.
_BESIDE = 4 * 1024

#: Rows as they are written, but for their customer.
SCHEMA = pa.schema(
    {
        "row": pa.int64(),
        "message_id": pa.string(),
        "user_id": pa.string(),
        "anonymous_id": pa.string(),
        "also_known_as": pa.string(),
        "name": pa.string(),
        "properties": pa.string(),
        "value": pa.string(),
        "currency": pa.string(),
        "product_sku": pa.string(),
        "category": pa.string(),
        "campaign": pa.string(),
        "occurred_at": _TIME,
    }
)
_PROMOTED = ("value", "currency", "product_sku", "category", "campaign")


@dataclass(frozen=True, slots=True)
class ColumnsRead:
    """The rows that are right, and the places of those that look odd."""

    good: pa.Table
    odd: Sequence[int]


def columns_read(
    table: pa.Table,
    numbers: Sequence[int],
    *,
    mapping: Mapping[str, str],
    received_at: datetime,
    floor: datetime | None,
    message_id: Callable[[int], str],
) -> ColumnsRead:
    """Read the rows of a table.

    Args:
        table: the columns of the file.
        numbers: which rows of the file they are.
        mapping: the field of each column.
        received_at: the time of rows that name none.
        floor: when the log begins; None where it is kept for ever.
        message_id: makes the message id of a row that has none, from its number.
    """
    by_field = {
        name: table.column(column).combine_chunks()
        for column, name in mapping.items()
        if column in table.column_names
    }
    count = table.num_rows
    texts, odd = _texts(by_field, count)
    times, strange = _times(by_field.get("timestamp"), count, received_at, floor or _EARLIEST)
    odd |= strange
    said, strange = _said(by_field, odd)
    odd |= strange
    if texts["message_id"].null_count:
        made = pa.array([message_id(number) for number in numbers], pa.string())
        texts["message_id"] = pc.coalesce(texts["message_id"], made)
    columns = {
        "row": pa.array(numbers, pa.int64()),
        **{name: texts[name] for name in ("message_id", "user_id", "anonymous_id")},
        "also_known_as": pa.nulls(count, pa.string()),
        "name": texts["event"],
        **said,
        "occurred_at": times,
    }
    good = pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
    if not odd.any():
        return ColumnsRead(good, ())
    return ColumnsRead(good.filter(pa.array(~odd)), np.flatnonzero(odd).tolist())


def items_table(numbered: Sequence[tuple[int, Item]]) -> pa.Table:
    """Items as rows of the same columns."""
    return pa.table(
        {
            "row": [number for number, _ in numbered],
            "properties": [item.properties.decode() for _, item in numbered],
            "value": [None if item.value is None else str(item.value) for _, item in numbered],
            **{
                name: [getattr(item, name) for _, item in numbered]
                for name in SCHEMA.names
                if name not in {"row", "properties", "value"}
            },
        },
        schema=SCHEMA,
    )


def _texts(by_field: Mapping[str, Any], count: int) -> tuple[dict[str, Any], Any]:
    """Ids and names; and where one is odd, or what every row has is missing."""
    texts, odd = {}, np.zeros(count, dtype=bool)
    for name, limit in _LIMITS.items():
        texts[name], strange = _text(by_field.get(name), count, limit)
        odd |= strange
    odd |= _mask(pc.is_null(texts["event"]))
    odd |= _mask(pc.and_(pc.is_null(texts["user_id"]), pc.is_null(texts["anonymous_id"])))
    return texts, odd


def _text(column: Any, count: int, limit: int) -> tuple[Any, Any]:
    """A column as text, empty cells as null; and where it is none, or too long, or holds a NUL."""
    nothing = np.zeros(count, dtype=bool)
    if column is None or pa.types.is_null(column.type):
        return pa.nulls(count, pa.string()), nothing
    try:
        text = _as_text(column)
        text.validate(full=True)
    except pa.ArrowException:
        return pa.nulls(count, pa.string()), _mask(pc.is_valid(column))
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    strange = pc.or_kleene(pc.greater(pc.utf8_length(text), limit), pc.match_substring(text, "\0"))
    return text, _mask(strange)


def _as_text(column: Any) -> Any:
    kind = column.type
    if pa.types.is_floating(kind):
        # Where one cell is empty, pandas makes all of them floats; safe: a fraction is an error.
        column = column.cast(pa.int64(), safe=True)
    elif not (pa.types.is_integer(kind) or pa.types.is_string(kind) or _is_other_text(kind)):
        raise pa.ArrowInvalid(f"{kind} is no text")
    return column.cast(pa.string())


def _is_other_text(kind: Any) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _times(column: Any, count: int, received_at: datetime, earliest: datetime) -> tuple[Any, Any]:
    """When it happened; and where that can't be told, or can't be right."""
    nothing = np.zeros(count, dtype=bool)
    moment = pa.scalar(received_at, _TIME)
    if column is None or pa.types.is_null(column.type):
        return pa.repeat(moment, count), nothing
    times, strange = _parsed(column)
    latest = pa.scalar(received_at + _CLOCK_MAY_BE_AHEAD, _TIME)
    beyond = pc.or_kleene(pc.less(times, pa.scalar(earliest, _TIME)), pc.greater(times, latest))
    return pc.fill_null(times, moment), strange | _mask(beyond)


def _parsed(column: Any) -> tuple[Any, Any]:
    kind = column.type
    given = _mask(pc.is_valid(column))
    unread = pa.nulls(len(column), _TIME), given
    try:
        if pa.types.is_timestamp(kind):
            return _in_utc(column.cast(pa.timestamp("us", kind.tz), safe=False)), given & False
        if pa.types.is_date(kind):
            return _in_utc(column.cast(pa.timestamp("us"))), given & False
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return unread
        said = _mask(pc.and_kleene(pc.is_valid(column), pc.not_equal(column, "")))
        zoned = pc.match_substring_regex(column, _ZONED)
        # A time without a zone is in UTC.
        bare = pc.binary_join_element_wise(column, pa.scalar("Z", kind), pa.scalar("", kind))
        text = pc.if_else(pc.match_substring_regex(column, _BARE), bare, column)
        plain = pc.or_kleene(zoned, pc.match_substring_regex(column, _BARE))
        times = pc.if_else(plain, text, pa.scalar(None, kind)).cast(_TIME)
        return times, said & ~_mask(plain)
    except pa.ArrowException:
        return unread


def _in_utc(column: Any) -> Any:
    return column.cast(_TIME)


def _said(by_field: Mapping[str, Any], odd: Any) -> tuple[dict[str, Any], Any]:
    """What the rows say, as JSON and as columns; and where it is no JSON, or very long."""
    strange = np.zeros(len(odd), dtype=bool)
    texts, singles = _said_cells(by_field, len(odd))
    encoded: list[str | None] = ["{}"] * len(odd)
    promoted: dict[str, list[str | None]] = {name: [None] * len(odd) for name in _PROMOTED}
    for index in np.flatnonzero(~odd).tolist():
        try:
            said = said_read(texts[index]) if texts[index] else {}
            text = texts[index] or "{}"
            if singles:
                said |= said_values(singles, index)
                text = said_encode(said).decode()
        except (DocumentError, TypeError, ValueError):
            strange[index] = True
            continue
        strange[index] = len(text) > ITEM_LIMIT - _BESIDE
        encoded[index] = text
        for name, value in columns_promoted(said, None)._asdict().items():
            if value is not None:
                promoted[name][index] = str(value)
    columns = {name: pa.array(values, pa.string()) for name, values in promoted.items()}
    return {"properties": pa.array(encoded, pa.string()), **columns}, strange


def _said_cells(
    by_field: Mapping[str, Any], count: int
) -> tuple[list[Any], list[tuple[str, list[Any]]]]:
    whole = by_field.get("properties")
    texts = [None] * count if whole is None else _cells(whole)
    singles = [
        (name.removeprefix("properties."), _cells(column))
        for name, column in by_field.items()
        if name.startswith("properties.")
    ]
    return texts, singles


def _cells(column: Any) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        # Bytes are no text, so that these rows look odd.
        return list(column.cast(pa.binary()).to_pylist())


def _mask(column: Any) -> Any:
    """A column of yes and no as NumPy has it; null is no."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return pc.fill_null(column, False).to_numpy(zero_copy_only=False)
