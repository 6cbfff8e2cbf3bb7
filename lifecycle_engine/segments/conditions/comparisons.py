"""Comparing a text that was taken from a column or a JSON document with a rule's value."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import ibis
import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.sdk.tables import json_text, json_values
from lifecycle_engine.segments.conditions.shapes import Demands, Shape

Operator: TypeAlias = Literal[
    "is",
    "is_not",
    "one_of",
    "at_least",
    "at_most",
    "contains",
    "starts_with",
    "includes",
    "present",
    "missing",
]
# Bounds that a double holds exactly, so that every engine compares alike.
Number: TypeAlias = (
    Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
)
Text: TypeAlias = Annotated[StrictStr, Field(max_length=500)]
Scalar: TypeAlias = StrictBool | Number | Text
Value: TypeAlias = Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=1000)] | None

#: Operators without a value.
UNARY = ("present", "missing")
#: Operators that compare with a text only.
TEXTUAL = ("contains", "starts_with", "includes")
#: Operators that put in an order.
ORDERING = ("at_least", "at_most")

# What every engine reads as the same number: engines differ over blanks, "inf", "1_000" and ".5".
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9][0-9]?)?$"
_NUMBER_LENGTH = 50  # So that no number is too large for a double.


def _operator_wants(operators: tuple[str, ...], value: dict[str, Any]) -> dict[str, Any]:
    wanted = {"properties": {"value": value}}
    return {
        "if": {"properties": {"operator": {"enum": list(operators)}}, "required": ["operator"]},
        "then": wanted if value == {"type": "null"} else {**wanted, "required": ["value"]},
    }


class Comparison(Shape):
    """An operator, and the value that suits it."""

    demands: ClassVar[Demands] = (
        _operator_wants(UNARY, {"type": "null"}),
        _operator_wants(("one_of",), {"type": "array"}),
        _operator_wants(TEXTUAL, {"type": "string", "minLength": 1}),
        _operator_wants(ORDERING, {"type": ["number", "string"]}),
        _operator_wants(("is", "is_not"), {"type": ["boolean", "number", "string"]}),
    )

    operator: Operator = Field(title="Operator")
    value: Value = Field(default=None, title="Value")

    @model_validator(mode="after")
    def _value_suits(self) -> "Comparison":
        operator, value = self.operator, self.value
        if operator in UNARY:
            suits = value is None
        elif operator == "one_of":
            suits = isinstance(value, list)
        elif operator in TEXTUAL:
            suits = isinstance(value, str) and value != ""
        elif operator in ORDERING:
            suits = isinstance(value, int | float | str) and not isinstance(value, bool)
        else:
            suits = isinstance(value, bool | int | float | str)
        if not suits:
            raise ConfigError(
                f"operator {operator!r} can't be used with the value {value!r}",
                gettext_noop("This comparison can't be made with this value."),
            )
        return self


def member_compared(
    document: ir.StringValue, name: str, operator: Operator, value: Value
) -> ir.BooleanValue:
    """The comparison with a member of a JSON document, as an expression."""
    if operator == "includes":
        return json_values(document, name).contains(str(value))
    if operator in UNARY:
        return text_compared(json_text(document, name), operator, value)
    return text_compared(member_text(document, name), operator, value)


def member_text(document: ir.StringValue, name: str) -> ir.StringValue:
    """The text of a member that can be compared; null where there is none.

    Engines write the same list or object with and without blanks, so these have no text.
    """
    text = json_text(document, name)
    nested = text.startswith("[") | text.startswith("{")
    found: ir.StringValue = ibis.ifelse(nested, ibis.null("string"), text).nullif("")
    return found


def text_compared(text: ir.StringValue, operator: Operator, value: Value) -> ir.BooleanValue:
    """The comparison as an expression.

    A missing value (null or empty) is never equal, different, less or more; only ``missing``
    holds. A number compares with what reads as a number; texts compare letter by letter, which
    orders ISO dates rightly.
    """
    known = text.nullif("")
    if operator == "missing":
        return known.isnull()
    if operator == "present":
        return known.notnull()
    if isinstance(value, list):
        return reduce(or_, [_compared(known, "is", one) for one in value])
    assert value is not None  # noqa: S101 - Comparison saw to it
    return _compared(known, operator, value)


def number(text: ir.StringValue) -> ir.FloatingValue:
    """The text as a number; null where it doesn't read as one."""
    plain = (text.length() <= _NUMBER_LENGTH) & text.re_search(_NUMBER)
    found: ir.FloatingValue = ibis.ifelse(plain, text, ibis.null("string")).try_cast("float64")
    return found


def _compared(text: ir.StringValue, operator: Operator, value: Scalar) -> ir.BooleanValue:
    compare: Callable[[Any, Any], ir.BooleanValue] = {
        "is": lambda left, right: left == right,
        "is_not": lambda left, right: left != right,
        "at_least": lambda left, right: left >= right,
        "at_most": lambda left, right: left <= right,
        "contains": lambda left, right: left.contains(right),
        "starts_with": lambda left, right: left.startswith(right),
    }[operator]
    if isinstance(value, bool):
        return compare(text, str(value).lower())
    if isinstance(value, int | float):
        return compare(number(text), float(value))
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
        "contains": _("%(name)s contains “%(value)s”"),
        "starts_with": _("%(name)s starts with “%(value)s”"),
        "includes": _("%(name)s includes %(value)s"),
        "present": _("%(name)s is known"),
        "missing": _("%(name)s is missing"),
    }[operator] % {"name": name, "value": shown}
