"""What a property of the customer's events comes to: its sum, average, extremes, or how many."""

from typing import Annotated, ClassVar, Literal

import ibis
import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, model_validator

from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.conditions.comparisons import Number, member_text, number
from lifecycle_engine.segments.conditions.events import (
    EventCondition,
    EventConfig,
    Member,
    events_within,
    where_words,
)
from lifecycle_engine.segments.conditions.shapes import Demands, given
from lifecycle_engine.segments.conditions.windows import (
    bounded,
    bounds_check,
    bounds_words,
    own,
    window_words,
)

#: Sums are of so many parts of one, each number rounded to whole parts.
PARTS = 10_000

Measure = Literal["sum", "average", "minimum", "maximum", "distinct"]
Bound = Annotated[Number, Field(ge=-1e12, le=1e12)]


@ibis.udf.scalar.builtin(name="floor")  # type: ignore[untyped-decorator]
def _floor(number: float) -> float:  # type: ignore[empty-body]
    """Ibis's own turns the result into an integer, which a large number overflows."""


def parts(numbers: ir.FloatingValue) -> ir.FloatingValue:
    """The numbers in whole parts, so that a sum of doubles is exact in any order.

    A plain sum of doubles depends on the order of the rows, which no engine promises.
    """
    found: ir.FloatingValue = _floor(numbers * PARTS + 0.5)
    return found


class FigureConfig(EventConfig):
    """Which events, which figure of which property, and its bounds."""

    demands: ClassVar[Demands] = (given("at_least", "at_most"),)

    property: Member = Field(title="Property")
    measure: Measure = Field(title="Figure")
    at_least: Bound | None = Field(default=None, title="At least")
    at_most: Bound | None = Field(default=None, title="At most")

    @model_validator(mode="after")
    def _bounded(self) -> "FigureConfig":
        bounds_check(at_least=self.at_least, at_most=self.at_most)
        return self


@conditions.register
class EventFigure(EventCondition[FigureConfig]):
    """What a property of the customer's events comes to.

    Who has no such event has the sum 0 and 0 different values, but no average and no extremes.
    """

    key = "event.figure"
    label = gettext_lazy("Figure of a property")
    Config = FigureConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Compute the figure by customer and compare it."""
        config = self.config
        values = self._values(events_within(tables, config))
        figures = values.group_by("customer_id").aggregate(
            figure=self._figure(values), count=values.number.count()
        )
        low, high = self._scaled(figures, config.at_least), self._scaled(figures, config.at_most)
        return bounded(
            customers,
            figures,
            None if low is None else figures.figure >= low,
            None if high is None else figures.figure <= high,
            nothing=config.measure in {"sum", "distinct"} and _holds_zero(config),
        )

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """The figure."""
        values = self._values(own(events_within(tables, self.config), customers))
        figure = self._figure(values)
        if self.config.measure == "average":
            figure = figure / values.number.count()
        if self.config.measure == "sum":
            figure = figure.fill_null(0)
        if self.config.measure in {"sum", "average"}:
            figure = figure / PARTS
        return figure.as_scalar()

    def _values(self, events: ir.Table) -> ir.Table:
        text = member_text(events.properties, self.config.property)
        return events.select("customer_id", text=text, number=number(text))

    def _figure(self, values: ir.Table) -> ir.NumericScalar:
        if self.config.measure == "distinct":
            return values.text.nunique()
        if self.config.measure == "minimum":
            return values.number.min()
        if self.config.measure == "maximum":
            return values.number.max()
        # An average compares as sum and count, since a quotient would be rounded.
        return parts(values.number).sum()

    def _scaled(self, figures: ir.Table, bound: float | None) -> ir.NumericValue | None:
        if bound is None:
            return None
        if self.config.measure == "sum":
            return parts(ibis.literal(float(bound)))
        if self.config.measure == "average":
            return parts(ibis.literal(float(bound))) * figures["count"]
        return ibis.literal(float(bound))

    def sentence(self) -> str:
        """Such as "has a sum of total at least 500 over “Order Completed” in the last 90 days"."""
        config = self.config
        words = {
            "sum": _("has a sum of %(property)s of %(bounds)s"),
            "average": _("has an average %(property)s of %(bounds)s"),
            "minimum": _("has a smallest %(property)s of %(bounds)s"),
            "maximum": _("has a largest %(property)s of %(bounds)s"),
            "distinct": _("has %(bounds)s different values of %(property)s"),
        }[config.measure]
        figure = words % {
            "property": config.property,
            "bounds": bounds_words(config.at_least, config.at_most),
        }
        return _("%(figure)s over “%(event)s”%(window)s%(where)s") % {
            "figure": figure,
            "event": config.name,
            "window": window_words(config),
            "where": where_words(config),
        }


def _holds_zero(config: FigureConfig) -> bool:
    low, high = config.at_least, config.at_most
    return (low is None or low <= 0) and (high is None or high >= 0)
