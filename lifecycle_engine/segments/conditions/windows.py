"""What conditions over happenings share: windows, bounds, and set membership."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from pydantic import AfterValidator, Field, StrictInt, StrictStr, model_validator
from pydantic.config import JsonDict

from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.sdk.tables import Moment, Tables, literal_moment
from lifecycle_engine.segments.conditions.shapes import Demands, Shape, either, given, when

Days = Annotated[StrictInt, Field(ge=1, le=3660)]

# Forms fold such fields away until they have a value.
_RARE: JsonDict = {"rare": True}
_RELATIVE = ("days", "skip_days")
_ABSOLUTE = ("first_day", "last_day")


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"no such day as {text!r}; a day is written YYYY-MM-DD",
            gettext_noop("There is no such day."),
        ) from None
    return text


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ConfigError(
            f"no time zone {name!r}; a zone is written like Europe/Berlin",
            gettext_noop("There is no such time zone; one is written like Europe/Berlin."),
        )
    return name


Day = Annotated[
    StrictStr,
    # The years that every engine's times can hold, with room for zones.
    Field(pattern=r"^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$", json_schema_extra={"format": "date"}),
    AfterValidator(_day),
]
Zone = Annotated[StrictStr, Field(max_length=64), AfterValidator(_zone)]


class Window(Shape):
    """When: counted back in days, between two days of the calendar, or ever.

    Counted back, a day is 24 hours, and the first moment of the window belongs to it while its end
    doesn't. Of the calendar's days both belong to it, from midnight to midnight in their zone.
    """

    demands: ClassVar[Demands] = (
        either(given(*_RELATIVE), given(*_ABSOLUTE)),
        when(given("time_zone"), given(*_ABSOLUTE)),
    )

    days: Days | None = Field(default=None, title="Days", description="Empty for all time.")
    skip_days: Days | None = Field(
        default=None,
        title="But not the last so many days",
        description="Empty: up to now.",
        json_schema_extra=_RARE,
    )
    first_day: Day | None = Field(default=None, title="From the day", json_schema_extra=_RARE)
    last_day: Day | None = Field(default=None, title="To the day", json_schema_extra=_RARE)
    time_zone: Zone | None = Field(
        default=None,
        title="Time zone of these days",
        description="Empty for UTC.",
        json_schema_extra=_RARE,
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "Window":
        relative = self.days is not None or self.skip_days is not None
        absolute = self.first_day is not None or self.last_day is not None
        if relative and absolute:
            raise ConfigError(
                "days and skip_days can't be used with first_day and last_day",
                gettext_noop("Count days back or name days of the calendar, not both."),
            )
        if self.time_zone is not None and not absolute:
            raise ConfigError(
                f"time_zone {self.time_zone} wants first_day or last_day",
                gettext_noop("A time zone needs a first or a last day."),
            )
        if self.days is not None and self.skip_days is not None and self.skip_days >= self.days:
            raise ConfigError(
                f"skip_days {self.skip_days} is not less than days {self.days}",
                gettext_noop("The days that are left out are not fewer than all days."),
            )
        if (self.first_day or "") > (self.last_day or "9"):
            raise ConfigError(
                f"first_day {self.first_day} is after last_day {self.last_day}",
                gettext_noop("The first day is after the last one."),
            )
        return self

    @property
    def ages(self) -> list[timedelta]:
        """How old something is when it enters or leaves the window."""
        return [timedelta(days=days) for days in (self.days, self.skip_days) if days is not None]

    def bounds(self, tables: Tables) -> tuple[ir.TimestampScalar | None, ir.TimestampScalar | None]:
        """The window's first moment and the one behind its last; None where it has no end."""
        if self.first_day is None and self.last_day is None:
            return _before(tables, self.days), _before(tables, self.skip_days)
        zone = ZoneInfo(self.time_zone or "UTC")
        start = None if self.first_day is None else day_start(self.first_day, zone)
        end = None if self.last_day is None else day_start(self.last_day, zone, days=1)
        return (
            None if start is None else literal_moment(start),
            None if end is None else literal_moment(end),
        )


def day_start(day: date | str, zone: ZoneInfo, *, days: int = 0) -> datetime:
    """The first moment of a day, or of one so many days later, in UTC."""
    calendar = (date.fromisoformat(day) if isinstance(day, str) else day) + timedelta(days=days)
    # Where the clocks skip midnight this is the first moment behind the gap.
    return datetime(calendar.year, calendar.month, calendar.day, tzinfo=zone).astimezone(UTC)


def within(tables: Tables, happenings: ir.Table, window: Window) -> ir.Table:
    """The rows that happened in the window."""
    start, end = window.bounds(tables)
    if start is not None:
        happenings = happenings.filter(happenings.occurred_at >= start)
    if end is not None:
        happenings = happenings.filter(happenings.occurred_at < end)
    return happenings


def moment(tables: Tables, days: int) -> ir.TimestampScalar:
    """The moment that many times 24 hours before ``as_of``."""
    return tables.moment(timedelta(days=days))


def _before(tables: Tables, days: int | None) -> ir.TimestampScalar | None:
    return None if days is None else moment(tables, days)


def crossed(
    tables: Tables, moments: ir.TimestampColumn, since: Moment, ages: Iterable[timedelta] = ()
) -> ir.BooleanValue:
    """Whether a moment reached one of these ages, or became past, since then.

    Both ends count, so that nobody who keeps an edge inside or outside has to care.
    """
    return reduce(
        or_,
        [moments.between(since.before(age), tables.moment(age)) for age in (timedelta(0), *ages)],
    )


def crossing(
    tables: Tables, happenings: ir.Table, since: Moment, ages: Iterable[timedelta] = ()
) -> ir.Table:
    """Customers of the rows whose moment passed an age; what ``Condition.expiring`` wants."""
    passed = happenings.filter(crossed(tables, happenings.occurred_at, since, ages))
    return passed.select("customer_id")


def own(table: ir.Table, customers: ir.Table) -> ir.Table:
    """The rows of a table that are about these customers."""
    return table.semi_join(customers, table.customer_id == customers.id)


def among(customers: ir.Table, customer_ids: ir.Column) -> ir.BooleanValue:
    """Whether a customer's id is in a column of another table."""
    # A null among the ids would make "not in" unknown for everybody.
    return customers.id.isin(customer_ids.as_table().drop_null()[customer_ids.get_name()])


def bounded(
    customers: ir.Table,
    figures: ir.Table,
    low: ir.BooleanValue | None,
    high: ir.BooleanValue | None,
    *,
    nothing: bool,
) -> ir.BooleanValue:
    """Whether a customer's figure is inside its bounds.

    Args:
        customers: the customers asked for.
        figures: a row with ``customer_id`` for each who has a figure; a null is none.
        low: over ``figures``, whether the figure reaches the lower bound; None without one.
        high: likewise the upper one.
        nothing: whether it holds for customers without a figure.
    """
    inside = reduce(lambda one, other: one & other, [b for b in (low, high) if b is not None])
    if nothing:
        return ~among(customers, figures.filter(~inside).customer_id)
    return among(customers, figures.filter(inside).customer_id)


def window_words(window: Window) -> str:
    """The window in words, with a leading blank; nothing for all time."""
    if window.first_day is not None or window.last_day is not None:
        return " " + _calendar_words(window)
    days, skipped = window.days, window.skip_days
    if days is None and skipped is None:
        return ""
    if skipped is None:
        words = ngettext("in the last %(days)s day", "in the last %(days)s days", days or 0)
    elif days is None:
        words = ngettext("more than %(skip)s day ago", "more than %(skip)s days ago", skipped)
    else:
        words = _("between %(skip)s and %(days)s days ago")
    return " " + words % {"days": days, "skip": skipped}


def _calendar_words(window: Window) -> str:
    if window.last_day is None:
        words = _("since %(first)s")
    elif window.first_day is None:
        words = _("until %(last)s")
    else:
        words = _("from %(first)s to %(last)s")
    said = words % {"first": window.first_day, "last": window.last_day}
    return said if window.time_zone is None else f"{said} ({window.time_zone})"


def times_words(count: int) -> str:
    """So many times, in words."""
    return ngettext("%(count)s time", "%(count)s times", count) % {"count": count}


def bounds_words(at_least: object, at_most: object) -> str:
    """One or two bounds in words."""
    words = {"at_least": at_least, "at_most": at_most}
    if at_most is None:
        return _("at least %(at_least)s") % words
    if at_least is None:
        return _("at most %(at_most)s") % words
    return _("at least %(at_least)s and at most %(at_most)s") % words


def bounds_check(**bounds: Any) -> None:
    """See that one of two bounds is given, and that the lower one, named first, is not above.

    Raises:
        ValueError: neither is, or it is; the message names them.
    """
    (low_name, low), (high_name, high) = bounds.items()
    if low is None and high is None:
        raise ConfigError(
            f"{low_name} or {high_name} is missing",
            gettext_noop("The least or the most is needed."),
        )
    if low is not None and high is not None and low > high:
        raise ConfigError(
            f"{low_name} {low} is more than {high_name} {high}",
            gettext_noop("The least is more than the most."),
        )
