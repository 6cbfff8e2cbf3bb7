"""What the customer did, and what they did not do."""

from typing import Annotated, ClassVar, Literal, TypeVar

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field, StrictInt, StrictStr, model_validator

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.sdk.tables import Moment, Tables
from lifecycle_engine.segments.conditions.comparisons import (
    Comparison,
    comparison_words,
    member_compared,
)
from lifecycle_engine.segments.conditions.shapes import Demands, Shape, given
from lifecycle_engine.segments.conditions.windows import (
    Window,
    among,
    bounded,
    bounds_check,
    bounds_words,
    crossing,
    own,
    times_words,
    window_words,
    within,
)

Member = Annotated[StrictStr, Field(min_length=1, max_length=100, pattern=r'^[^\x00-\x1f"\\]+$')]


class _Property(Shape):
    property: Member = Field(title="Property")


class PropertyFilter(Comparison, _Property):
    """A property of the event and what it is compared with."""


class EventFilter(Shape):
    """Which events: their name, and what their properties are."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=200)] = Field(title="Event")
    where: Annotated[list[PropertyFilter], Field(max_length=20)] = Field(
        default_factory=list, title="Where", description="All of these hold for the event."
    )


class EventConfig(Window, EventFilter):
    """Which events, and when. The fields of the last base come first."""


class EventCountConfig(EventConfig):
    """Which events, and how many."""

    demands: ClassVar[Demands] = (given("at_least", "at_most"),)

    at_least: Annotated[StrictInt, Field(ge=1, le=10**9)] | None = Field(
        default=None, title="At least"
    )
    at_most: Annotated[StrictInt, Field(ge=0, le=10**9)] | None = Field(
        default=None, title="At most"
    )

    @model_validator(mode="after")
    def _bounded(self) -> "EventCountConfig":
        bounds_check(at_least=self.at_least, at_most=self.at_most)
        return self


class FirstOrLastConfig(EventConfig):
    """Which events, whether the first or the last of them counts, and when it was."""

    demands: ClassVar[Demands] = (given("days", "skip_days", "first_day", "last_day"),)

    which: Literal["first", "last"] = Field(title="Which")

    @model_validator(mode="after")
    def _sometime(self) -> "FirstOrLastConfig":
        if not self.ages and self.first_day is None and self.last_day is None:
            raise ConfigError(
                "one of days, skip_days, first_day and last_day is missing",
                gettext_noop("Say when: days counted back, or days of the calendar."),
            )
        return self


EventConfigT = TypeVar("EventConfigT", bound=EventConfig)


class EventCondition(Condition[EventConfigT]):
    """What conditions over events of one kind see, and when that changes by itself."""

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """How many such events there are in the window."""
        return own(events_within(tables, self.config), customers).count().as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose such event came to pass, or entered or left the window."""
        events = events_matching(tables.events, self.config)
        return crossing(tables, events, since, self.config.ages)


@conditions.register
class EventCount(EventCondition[EventCountConfig]):
    """How often something happened to the customer."""

    key = "event.count"
    label = gettext_lazy("Did, so many times")
    Config = EventCountConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Count the events by customer; who has none has 0, which "at most" accepts."""
        events = events_within(tables, self.config)
        counted = events.group_by("customer_id").aggregate(times=events.count())
        at_least, at_most = self.config.at_least, self.config.at_most
        return bounded(
            customers,
            counted,
            None if at_least is None else counted.times >= at_least,
            None if at_most is None else counted.times <= at_most,
            nothing=at_least is None,
        )

    def sentence(self) -> str:
        """Such as "did “Order Completed” at least 2 times in the last 30 days"."""
        at_least, at_most = self.config.at_least, self.config.at_most
        last = at_most if at_most is not None else at_least
        bounds = bounds_words(
            at_least if at_most is not None or at_least is None else times_words(at_least),
            None if at_most is None else times_words(last or 0),
        )
        return _("did “%(event)s” %(bounds)s%(window)s%(where)s") % {
            "event": self.config.name,
            "bounds": bounds,
            "window": window_words(self.config),
            "where": where_words(self.config),
        }


@conditions.register
class EventAbsent(EventCondition[EventConfig]):
    """Something did not happen to the customer."""

    key = "event.absent"
    label = gettext_lazy("Did not")
    Config = EventConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Who is not among those with such an event."""
        return ~among(customers, events_within(tables, self.config).customer_id)

    def sentence(self) -> str:
        """Such as "did not “Order Completed” in the last 30 days"."""
        return _("did not do “%(event)s”%(window)s%(where)s") % {
            "event": self.config.name,
            "window": window_words(self.config),
            "where": where_words(self.config),
        }


@conditions.register
class EventFirstOrLast(EventCondition[FirstOrLastConfig]):
    """When something happened to the customer for the first, or for the last, time."""

    key = "event.first_or_last"
    label = gettext_lazy("First or last time")
    Config = FirstOrLastConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Of all such events ever, whether the first or last lies in the window."""
        events = events_matching(tables.events, self.config)
        edges = events.group_by("customer_id").aggregate(occurred_at=self._edge(events))
        return among(customers, within(tables, edges, self.config).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """When it was."""
        return self._edge(own(events_matching(tables.events, self.config), customers)).as_scalar()

    def _edge(self, events: ir.Table) -> ir.TimestampScalar:
        moments = events.occurred_at
        return moments.min() if self.config.which == "first" else moments.max()

    def sentence(self) -> str:
        """Such as "did “Order Completed” for the first time in the last 30 days"."""
        words = {
            "first": _("did “%(event)s”%(where)s for the first time%(window)s"),
            "last": _("did “%(event)s”%(where)s for the last time%(window)s"),
        }[self.config.which]
        return words % {
            "event": self.config.name,
            "window": window_words(self.config),
            "where": where_words(self.config),
        }


def events_within(tables: Tables, config: EventConfig) -> ir.Table:
    """The events that are meant, in the window."""
    return events_matching(within(tables, tables.events, config), config)


def events_matching(events: ir.Table, wanted: EventFilter) -> ir.Table:
    """Those of the events that have the name and the properties."""
    events = events.filter(events.name == wanted.name)
    for one in wanted.where:
        events = events.filter(
            member_compared(events.properties, one.property, one.operator, one.value)
        )
    return events


def where_words(wanted: EventFilter) -> str:
    """The properties in words, with a leading blank; nothing without any."""
    parts = [comparison_words(w.property, w.operator, w.value) for w in wanted.where]
    return " " + _("where %(filters)s") % {"filters": _(" and ").join(parts)} if parts else ""
