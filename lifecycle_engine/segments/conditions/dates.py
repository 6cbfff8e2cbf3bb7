"""How far a date of the customer is from today, this year's or that of the day itself."""

import re
from calendar import isleap
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import reduce
from itertools import groupby
from operator import or_
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator, model_validator

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.sdk.tables import Moment, Tables, json_text, literal_moment
from lifecycle_engine.segments.conditions.attributes import ATTRIBUTE, TIME_FIELDS
from lifecycle_engine.segments.conditions.shapes import Demands, Shape, given, when
from lifecycle_engine.segments.conditions.windows import Zone, day_start

# What may follow is a time of day, which does not matter.
_DATE = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]|$)"
_DATE_LENGTH, _YEAR_LENGTH = 10, 4
_FIRST_YEAR = 1970  # Nobody was first seen before.
_YEAR_DAYS = 366
_COLUMNS = "|".join(TIME_FIELDS)

Offset = Annotated[StrictInt, Field(ge=-3660, le=3660)]


class DateNearConfig(Shape):
    """Which date, whether its anniversaries count, and how many days from today."""

    demands: ClassVar[Demands] = (
        given("from_days", "to_days"),
        when(
            {"properties": {"yearly": {"const": True}}, "required": ["yearly"]},
            {"allOf": [given("from_days"), given("to_days")]},
        ),
    )

    field: Annotated[
        StrictStr,
        Field(max_length=111, json_schema_extra={"pattern": f"^({_COLUMNS}|{ATTRIBUTE})$"}),
    ] = Field(title="Date", description="created_at, or attributes.<name>.")
    yearly: StrictBool = Field(
        default=False, title="Every year", description="The date's anniversaries, not itself."
    )
    from_days: Offset | None = Field(
        default=None, title="From so many days after today", description="Less than 0: before."
    )
    to_days: Offset | None = Field(default=None, title="To so many days after today")
    time_zone: Zone = Field(default="UTC", title="Time zone", description="Says when today begins.")

    @field_validator("field")
    @classmethod
    def _field_known(cls, field: str) -> str:
        if field not in TIME_FIELDS and not re.fullmatch(ATTRIBUTE, field):
            raise ConfigError(
                "unknown date; there is created_at and attributes.<name>",
                gettext_noop("Customers have no such date; choose one of the list."),
            )
        return field

    @model_validator(mode="after")
    def _ordered(self) -> "DateNearConfig":
        low, high = self.from_days, self.to_days
        if low is None and high is None:
            raise ConfigError(
                "from_days or to_days is missing",
                gettext_noop("A first or a last number of days is needed."),
            )
        if self.yearly and (low is None or high is None):
            raise ConfigError(
                "from_days and to_days are both wanted for what comes every year",
                gettext_noop("For what comes every year both numbers of days are needed."),
            )
        if low is None or high is None:
            return self
        if low > high:
            raise ConfigError(
                f"from_days {low} is more than to_days {high}",
                gettext_noop("The first number of days is more than the last one."),
            )
        if self.yearly and high - low > _YEAR_DAYS:
            raise ConfigError(
                f"from_days {low} to to_days {high} is more than a year",
                gettext_noop("From the first day to the last is more than a year."),
            )
        return self


@conditions.register
class DateNear(Condition[DateNearConfig]):
    """A date of the customer, or an anniversary of it, is so many days from today.

    The first anniversary is a year later. Who was born on 29 February has it on 28 February in
    years that have no 29th.
    """

    key = "date.near"
    label = gettext_lazy("Date or anniversary")
    Config = DateNearConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Compare the date with days that are counted from today."""
        return self._near(customers, tables.as_of)

    def _near(self, customers: ir.Table, at: datetime) -> ir.BooleanValue:
        today = at.astimezone(ZoneInfo(self.config.time_zone)).date()
        if self.config.field in TIME_FIELDS:
            return self._moment_near(customers[self.config.field], today)
        text = self._text(customers)
        near = self._anniversary(text, today) if self.config.yearly else self._day(text, today)
        return text.re_search(_DATE) & near

    def observed(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.Value | None:
        """The date."""
        field = self.config.field
        return customers[field] if field in TIME_FIELDS else self._text(customers).nullif("")

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """For whom it held then and does not now, or the other way round."""
        customers = tables.customers
        then, now = (self._near(customers, at) for at in (since.at, tables.as_of))
        changed = then.fill_null(False) != now.fill_null(False)
        return customers.filter(changed).select(customer_id=customers.id)

    def _text(self, customers: ir.Table) -> ir.StringValue:
        return json_text(customers.attributes, self.config.field.removeprefix("attributes."))

    def _day(self, text: ir.StringValue, today: date) -> ir.BooleanValue:
        # Dates in ISO 8601 are in the order of their letters.
        day = text.substr(0, _DATE_LENGTH)
        low, high = self.config.from_days, self.config.to_days
        bounds = [
            None if low is None else day >= (today + timedelta(days=low)).isoformat(),
            None if high is None else day <= (today + timedelta(days=high)).isoformat(),
        ]
        return reduce(lambda one, other: one & other, [b for b in bounds if b is not None])

    def _anniversary(self, text: ir.StringValue, today: date) -> ir.BooleanValue:
        # A date of the year itself is longer than the year, and not before it.
        day = text.substr(_YEAR_LENGTH + 1, 5)
        return reduce(
            or_,
            [
                (text < f"{in_year:04}") & day.isin(sorted(set(_month_days(days))))
                for in_year, days in groupby(self._days(today), key=lambda day: day.year)
            ],
        )

    def _days(self, today: date) -> Iterator[date]:
        low, high = self.config.from_days or 0, self.config.to_days or 0
        return (today + timedelta(days=days) for days in range(low, high + 1))

    def _moment_near(self, column: ir.TimestampColumn, today: date) -> ir.BooleanValue:
        zone = ZoneInfo(self.config.time_zone)
        if self.config.yearly:
            earlier = sorted({day for now in self._days(today) for day in _years_before(now)})
            ranges = [_between(column, days[0], days[-1], zone) for days in _runs(earlier)]
            return reduce(or_, ranges, ibis.literal(False))
        low, high = self.config.from_days, self.config.to_days
        first = None if low is None else today + timedelta(days=low)
        last = None if high is None else today + timedelta(days=high)
        return _between(column, first, last, zone)

    def sentence(self) -> str:
        """Such as "has an anniversary of birthday between today and in 7 days"."""
        config = self.config
        low = None if config.from_days is None else _offset_words(config.from_days)
        high = None if config.to_days is None else _offset_words(config.to_days)
        if low == high:
            span = str(low)
        elif high is None:
            span = _("%(low)s or later") % {"low": low}
        elif low is None:
            span = _("%(high)s or earlier") % {"high": high}
        else:
            span = _("between %(low)s and %(high)s") % {"low": low, "high": high}
        words = _("has an anniversary of %(date)s %(span)s")
        words = words if config.yearly else _("has the date %(date)s %(span)s")
        name = config.field.removeprefix("attributes.").replace("_", " ")
        return words % {"date": name, "span": span}


def _offset_words(days: int) -> str:
    if days == 0:
        return _("today")
    if days < 0:
        return _("%(days)s days ago") % {"days": -days}
    return _("in %(days)s days") % {"days": days}


def _month_days(days: Iterator[date]) -> Iterator[str]:
    for day in days:
        yield day.isoformat()[_YEAR_LENGTH + 1 :]
        if (day.month, day.day) == (2, 28) and not isleap(day.year):
            yield "02-29"


def _years_before(now: date) -> Iterator[date]:
    """The days whose anniversary is on this one."""
    for year in range(_FIRST_YEAR, now.year):
        if (now.month, now.day) != (2, 29) or isleap(year):
            yield now.replace(year=year)
        if (now.month, now.day) == (2, 28) and isleap(year) and not isleap(now.year):
            yield date(year, 2, 29)


def _runs(days: list[date]) -> Iterator[list[date]]:
    """The days in runs without a gap."""
    for _number, run in groupby(enumerate(days), key=lambda one: one[1].toordinal() - one[0]):
        yield [day for _index, day in run]


def _between(
    column: ir.TimestampColumn, first: date | None, last: date | None, zone: ZoneInfo
) -> ir.BooleanValue:
    bounds = [
        None if first is None else column >= literal_moment(day_start(first, zone)),
        None if last is None else column < literal_moment(day_start(last, zone, days=1)),
    ]
    return reduce(lambda one, other: one & other, [b for b in bounds if b is not None])
