"""What is known of the customer: columns and free attributes."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field, StrictStr, field_validator, model_validator

from lifecycle_engine.customers.rows import ENCRYPTED_TRAITS
from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.sdk.tables import Tables, json_text, literal_moment
from lifecycle_engine.segments.conditions.comparisons import (
    ORDERING,
    UNARY,
    Comparison,
    Value,
    comparison_words,
    member_compared,
    text_compared,
)
from lifecycle_engine.segments.conditions.shapes import Demands, Schema, Shape, when

#: Columns of the customer that hold a text.
TEXT_FIELDS = (
    "country",
    "email",
    "external_id",
    "first_name",
    "language",
    "last_name",
    "phone",
    "time_zone",
)
#: Those of them that are encrypted, and compared by a keyed hash.
HASHED_FIELDS = ENCRYPTED_TRAITS
#: Columns of the customer that hold a moment.
TIME_FIELDS = ("created_at",)
#: How the name of an attribute is written.
ATTRIBUTE = r"attributes\.[^\x00-\x1f\"\\]{1,100}"

_COLUMNS = "|".join((*TEXT_FIELDS, *TIME_FIELDS))
_EQUALITY = ("is", "is_not", "one_of", *UNARY)
_TEXT = {"type": ["string", "null"]}


def _of(fields: tuple[str, ...]) -> Schema:
    return {"properties": {"field": {"enum": list(fields)}}, "required": ["field"]}


def _wants(operators: tuple[str, ...], value: Schema) -> Schema:
    return {"properties": {"operator": {"enum": list(operators)}, "value": value}}


class _Field(Shape):
    field: Annotated[
        StrictStr,
        Field(max_length=111, json_schema_extra={"pattern": f"^({_COLUMNS}|{ATTRIBUTE})$"}),
    ] = Field(title="Field", description="A column of the customer, or attributes.<name>.")

    @field_validator("field")
    @classmethod
    def _field_known(cls, field: str) -> str:
        if field not in {*TEXT_FIELDS, *TIME_FIELDS} and not re.fullmatch(ATTRIBUTE, field):
            known = ", ".join([*TEXT_FIELDS, *TIME_FIELDS])
            raise ConfigError(
                f"unknown field of the customer; there is {known} and attributes.<name>",
                gettext_noop("Customers have no such field; choose one of the list."),
            )
        return field


class AttributeConfig(Comparison, _Field):
    """A field of the customer and what it is compared with."""

    demands: ClassVar[Demands] = (
        when(
            _of(TEXT_FIELDS),
            _wants(
                (*_EQUALITY, "contains", "starts_with"),
                {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
            ),
        ),
        when(_of(tuple(HASHED_FIELDS)), _wants(_EQUALITY, {})),
        when(_of(TIME_FIELDS), _wants((*ORDERING, *UNARY), _TEXT)),
    )

    @model_validator(mode="after")
    def _field_suits(self) -> "AttributeConfig":
        if self.field in TEXT_FIELDS:
            self._text_suits()
        if self.field in TIME_FIELDS and self.operator not in UNARY:
            if self.operator not in ORDERING:
                raise ConfigError(
                    f"{self.field} takes at_least, at_most, present and missing",
                    gettext_noop("A date can be at least, at most, present or missing."),
                )
            _moment(self.value)
        return self

    def _text_suits(self) -> None:
        if self.operator in {*ORDERING, "includes"}:
            raise ConfigError(
                f"{self.field} holds a text: {self.operator} has no meaning",
                gettext_noop("The field holds a text: this comparison has no meaning."),
            )
        if self.field in HASHED_FIELDS and self.operator not in _EQUALITY:
            raise ConfigError(
                f"{self.field} is encrypted: {self.operator} can't look into it",
                gettext_noop("The field is encrypted: only equal values can be found."),
            )
        values = self.value if isinstance(self.value, list) else [self.value]
        if not all(value is None or isinstance(value, str) for value in values):
            raise ConfigError(
                f"{self.field} holds a text and is compared with {self.value!r}",
                gettext_noop("The field holds a text: a text is wanted."),
            )


@conditions.register
class Attribute(Condition[AttributeConfig]):
    """A field of the customer, compared with a value."""

    key = "attribute"
    label = gettext_lazy("Customer attribute")
    Config = AttributeConfig
    timeless = True

    def expression(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.BooleanValue:
        """Compare the column's, or the JSON member's, text."""
        config = self.config
        if config.field in TIME_FIELDS:
            return self._moment_compared(customers[config.field])
        if config.field in HASHED_FIELDS:
            hashes = customers[f"{config.field}_hash"]
            return text_compared(hashes, config.operator, self._hashed())
        if config.field in TEXT_FIELDS:
            return text_compared(customers[config.field], config.operator, config.value)
        name = config.field.removeprefix("attributes.")
        return member_compared(customers.attributes, name, config.operator, config.value)

    def _hashed(self) -> Value:
        """The value as the hash or hashes that the column holds."""
        hashed, value = HASHED_FIELDS[self.config.field], self.config.value
        if isinstance(value, list):
            return [hashed(str(one)) for one in value]
        return None if value is None else hashed(str(value))

    def _moment_compared(self, column: ir.TimestampColumn) -> ir.BooleanValue:
        if self.config.operator in UNARY:
            return column.isnull() if self.config.operator == "missing" else column.notnull()
        moment = literal_moment(_moment(self.config.value))
        return column >= moment if self.config.operator == "at_least" else column <= moment

    def observed(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.Value | None:
        """The value; of what is encrypted only whether there is one."""
        field = self.config.field
        if field in TIME_FIELDS:
            return customers[field]
        if field in HASHED_FIELDS:
            return customers[f"{field}_hash"].nullif("").notnull()
        if field in TEXT_FIELDS:
            return customers[field].nullif("")
        return json_text(customers.attributes, field.removeprefix("attributes.")).nullif("")

    def sentence(self) -> str:
        """Such as "has a profile where country is DE"."""
        config = self.config
        name = config.field.removeprefix("attributes.").replace("_", " ")
        words = comparison_words(name, config.operator, config.value)
        return _("has a profile where %(comparison)s") % {"comparison": words}


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ConfigError(
            f"a date or time in ISO 8601 is wanted, not {value!r}",
            gettext_noop("A date is wanted, written like 2026-01-31."),
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
