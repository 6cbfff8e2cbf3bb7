"""What the customer did, and what they did not do."""

from datetime import datetime
from typing import Annotated, TypeVar

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, StrictInt, StrictStr, model_validator

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.tables import Tables, json_text
from lifecycle_engine.segments.conditions.comparisons import (
    Operator,
    Value,
    comparison,
    comparison_check,
    comparison_words,
)
from lifecycle_engine.segments.conditions.windows import (
    Window,
    among,
    bounds_check,
    bounds_words,
    crossing,
    own,
    times_words,
    window_words,
    within,
)


class PropertyFilter(Config):
    """A property of the event and what it is compared with."""

    property: Annotated[StrictStr, Field(min_length=1, max_length=100, pattern=r'^[^"\\]+$')] = (
        Field(title="Property")
    )
    operator: Operator = Field(title="Operator")
    value: Value = Field(default=None, title="Value")

    @model_validator(mode="after")
    def _value_suits(self) -> "PropertyFilter":
        comparison_check(self.operator, self.value)
        return self


class EventConfig(Window):
    """Which events: their name, a window, and what their properties are."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=200)] = Field(title="Event")
    where: Annotated[list[PropertyFilter], Field(max_length=20)] = Field(
        default_factory=list, title="Where", description="All of these hold for the event."
    )


EventConfigT = TypeVar("EventConfigT", bound=EventConfig)


class _Events(Condition[EventConfigT]):
    """What the conditions over events of one kind see, and when that changes by itself."""

    def observed(
        self,
        tables: Tables,
        customers: ir.Table,
    ) -> ir.Value | None:
        """How many such events there are."""
        return own(_events(tables, self.config), customers).count().as_scalar()

    def expiring(self, tables: Tables, since: datetime) -> ir.Table | None:
        """Whose such event came to pass, or left the window."""
        events = _matching(tables.events, self.config)
        return crossing(tables, events, since, [self.config.days])


class EventCountConfig(EventConfig):
    """Which events, and how many."""

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


@conditions.register
class EventCount(_Events[EventCountConfig]):
    """How often something happened to the customer."""

    key = "event.count"
    label = gettext_lazy("Did, so many times")
    Config = EventCountConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Count the events by customer; who has none has 0, which "at most" accepts."""
        events = _events(tables, self.config)
        counted = events.group_by("customer_id").aggregate(times=events.count())
        at_least, at_most = self.config.at_least, self.config.at_most
        enough = among(customers, counted.filter(counted.times >= (at_least or 0)).customer_id)
        if at_most is None:
            return enough
        few = ~among(customers, counted.filter(counted.times > at_most).customer_id)
        return few if at_least is None else enough & few

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
            "window": window_words(self.config.days),
            "where": _where_words(self.config),
        }


@conditions.register
class EventAbsent(_Events[EventConfig]):
    """Something did not happen to the customer."""

    key = "event.absent"
    label = gettext_lazy("Did not")
    Config = EventConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Who is not among those with such an event."""
        return ~among(customers, _events(tables, self.config).customer_id)

    def sentence(self) -> str:
        """Such as "did not “Order Completed” in the last 30 days"."""
        return _("did not do “%(event)s”%(window)s%(where)s") % {
            "event": self.config.name,
            "window": window_words(self.config.days),
            "where": _where_words(self.config),
        }


def _events(tables: Tables, config: EventConfig) -> ir.Table:
    return _matching(within(tables, tables.events, config.days), config)


def _matching(events: ir.Table, config: EventConfig) -> ir.Table:
    events = events.filter(events.name == config.name)
    for wanted in config.where:
        text = json_text(events.properties, wanted.property)
        events = events.filter(comparison(text, wanted.operator, wanted.value))
    return events


def _where_words(config: EventConfig) -> str:
    parts = [comparison_words(w.property, w.operator, w.value) for w in config.where]
    return " " + _("where %(filters)s") % {"filters": _(" and ").join(parts)} if parts else ""
