"""Comparing a text that was taken from a column or a JSON document with a rule's value."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Annotated, Literal, TypeAlias

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from pydantic import Field, StrictBool, StrictInt, StrictStr

Operator: TypeAlias = Literal["is", "is_not", "one_of", "at_least", "at_most", "missing"]
# Bounds that a double holds exactly, so that every engine compares alike.
Number: TypeAlias = (
    Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
)
Text: TypeAlias = Annotated[StrictStr, Field(max_length=500)]
Scalar: TypeAlias = StrictBool | Number | Text
Value: TypeAlias = Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=1000)] | None


def comparison_check(operator: Operator, value: Value) -> None:
    """Whether the value suits the operator.

    Raises:
        ValueError: it doesn't; the message names both.
    """
    if operator == "missing":
        suits = value is None
    elif operator == "one_of":
        suits = isinstance(value, list)
    elif operator in {"at_least", "at_most"}:
        suits = isinstance(value, int | float | str) and not isinstance(value, bool)
    else:
        suits = isinstance(value, bool | int | float | str)
    if not suits:
        raise ValueError(f"operator {operator!r} can't be used with the value {value!r}")


def comparison(text: ir.StringValue, operator: Operator, value: Value) -> ir.BooleanValue:
    """The comparison as an expression.

    A missing value (null or empty) is never equal, different, less or more; only ``missing``
    holds. A number compares with what reads as a number; texts compare letter by letter, which
    orders ISO dates rightly.
    """
    given = text.nullif("")
    if operator == "missing":
        return given.isnull()
    if operator == "one_of":
        assert isinstance(value, list)  # noqa: S101 - comparison_check saw to it
        return reduce(or_, [_compared(given, "is", one) for one in value])
    assert value is not None  # noqa: S101 - likewise
    assert not isinstance(value, list)  # noqa: S101 - likewise
    return _compared(given, operator, value)


def _compared(text: ir.StringValue, operator: Operator, value: Scalar) -> ir.BooleanValue:
    compare: Callable[[ir.Value, object], ir.BooleanValue] = {
        "is": lambda left, right: left == right,
        "is_not": lambda left, right: left != right,
        "at_least": lambda left, right: left >= right,
        "at_most": lambda left, right: left <= right,
    }[operator]
    if isinstance(value, bool):
        return compare(text, str(value).lower())
    if isinstance(value, int | float):
        return compare(text.try_cast("float64"), float(value))
    return compare(text, value)


def comparison_words(name: str, operator: Operator, value: Value) -> str:
    """The comparison in words, such as "country is DE"."""
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return {
        "is": _("%(name)s is %(value)s"),
        "is_not": _("%(name)s is not %(value)s"),
        "one_of": _("%(name)s is one of %(value)s"),
        "at_least": _("%(name)s is at least %(value)s"),
        "at_most": _("%(name)s is at most %(value)s"),
        "missing": _("%(name)s is missing"),
    }[operator] % {"name": name, "value": shown}
