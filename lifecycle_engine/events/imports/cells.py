"""Reading the cells of a row: what a file says, as what a column wants."""

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lifecycle_engine.core.documents import DocumentError, document_read
from lifecycle_engine.customers.rows import value_shown

_TRUE = {"true", "t", "yes", "y", "1"}
_FALSE = {"false", "f", "no", "n", "0"}
#: A number that is the same when it is written again.
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,6})?")


class CellError(ValueError):
    """A cell is not what its column wants; the message has the value."""


def text_read(value: object) -> str:
    """Text; whole numbers are taken for names."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Where one cell is empty, pandas makes all of them floats.
    raise CellError(f"wants text, got {value_shown(value)}")


def time_read(value: object) -> datetime:
    """A time as in ISO 8601; without a zone it is in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise CellError(f"is not a time as in ISO 8601: {value_shown(value)}") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise CellError(f"wants a time as in ISO 8601, got {value_shown(value)}")
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise CellError(f"is not a time in UTC: {value_shown(value)}") from None


def flag_read(value: object) -> bool:
    """Yes or no."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise CellError(f"wants true or false, got {value_shown(value)}")
    return text in _TRUE


def amount_read(value: object) -> Decimal:
    """A number, with a point before its decimals."""
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise CellError(f"wants a number, got {value_shown(value)}") from None
    if isinstance(value, bool) or not amount.is_finite():
        raise CellError(f"wants a number, got {value_shown(value)}")
    return amount


def count_read(value: object) -> int:
    """A whole number."""
    amount = amount_read(value)
    if amount != amount.to_integral_value():
        raise CellError(f"wants a whole number, got {value_shown(value)}")
    return int(amount)


def object_cell_read(value: object) -> dict[str, Any]:
    """A JSON object, or what is one already."""
    if isinstance(value, str):
        try:
            value = document_read(value.encode())
        except (DocumentError, UnicodeEncodeError) as error:
            raise CellError(str(error)) from None
    if not isinstance(value, dict):
        raise CellError(f"wants a JSON object, got {value_shown(value)}")
    return value


def value_read(value: object) -> object:
    """A cell of free data as JSON has it: in text, what looks like a number is one."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if not isinstance(value, str):
        return value
    if _NUMBER.fullmatch(value):
        return json.loads(value)
    return {"true": True, "false": False}.get(value, value)
