"""What the customer ordered: when last, and for how much."""

from datetime import timedelta
from typing import Annotated, ClassVar

import ibis
import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from pydantic import Field, model_validator

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.tables import Moment, Tables
from lifecycle_engine.segments.conditions.figures import PARTS, Bound, parts
from lifecycle_engine.segments.conditions.shapes import Demands, Shape, given
from lifecycle_engine.segments.conditions.windows import (
    Days,
    Window,
    among,
    bounded,
    bounds_check,
    bounds_words,
    crossing,
    moment,
    own,
    window_words,
    within,
)


class RecencyConfig(Shape):
    """Days since the last order."""

    demands: ClassVar[Demands] = (given("at_least_days", "at_most_days"),)

    at_least_days: Days | None = Field(default=None, title="At least so many days ago")
    at_most_days: Days | None = Field(default=None, title="At most so many days ago")

    @model_validator(mode="after")
    def _bounded(self) -> "RecencyConfig":
        bounds_check(at_least_days=self.at_least_days, at_most_days=self.at_most_days)
        return self


@conditions.register
class OrderRecency(Condition[RecencyConfig]):
    """How long ago the last order was. Holds for nobody who never ordered."""

    key = "order.recency"
    label = gettext_lazy("Days since the last order")
    Config = RecencyConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Compare the newest order's moment with the bounds, both of which count as inside."""
        orders = tables.orders
        last = orders.group_by("customer_id").aggregate(last=orders.occurred_at.max())
        if self.config.at_least_days is not None:
            last = last.filter(last["last"] <= moment(tables, self.config.at_least_days))
        if self.config.at_most_days is not None:
            last = last.filter(last["last"] >= moment(tables, self.config.at_most_days))
        return among(customers, last.customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """When the last order was."""
        return own(tables.orders, customers).occurred_at.max().as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose order came to pass, or became so many days old."""
        bounds = (self.config.at_least_days, self.config.at_most_days)
        ages = [timedelta(days=days) for days in bounds if days is not None]
        return crossing(tables, tables.orders, since, ages)

    def sentence(self) -> str:
        """Such as "ordered last at least 30 days ago"."""
        low, high = self.config.at_least_days, self.config.at_most_days
        days = high if high is not None else low
        return ngettext(
            "placed the last order %(bounds)s day ago",
            "placed the last order %(bounds)s days ago",
            days or 0,
        ) % {"bounds": bounds_words(low, high)}


class TotalConfig(Window):
    """What the orders are worth together."""

    demands: ClassVar[Demands] = (given("at_least", "at_most"),)

    at_least: Annotated[Bound, Field(gt=0)] | None = Field(default=None, title="At least")
    at_most: Bound | None = Field(default=None, title="At most")

    @model_validator(mode="after")
    def _bounded(self) -> "TotalConfig":
        bounds_check(at_least=self.at_least, at_most=self.at_most)
        return self


@conditions.register
class OrderTotal(Condition[TotalConfig]):
    """What the customer's orders are worth together; 0 for who has none."""

    key = "order.total"
    label = gettext_lazy("Value of orders")
    Config = TotalConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Sum the orders' values by customer."""
        orders = within(tables, tables.orders, self.config)
        summed = orders.group_by("customer_id").aggregate(total=parts(orders.value).sum())
        at_least, at_most = self.config.at_least, self.config.at_most
        return bounded(
            customers,
            summed,
            None if at_least is None else summed.total >= parts(ibis.literal(float(at_least))),
            None if at_most is None else summed.total <= parts(ibis.literal(float(at_most))),
            nothing=at_least is None and at_most is not None and at_most >= 0,
        )

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """What the orders are worth together."""
        orders = own(within(tables, tables.orders, self.config), customers)
        return (parts(orders.value).sum().fill_null(0) / PARTS).as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose order came to pass, or entered or left the window."""
        return crossing(tables, tables.orders, since, self.config.ages)

    def sentence(self) -> str:
        """Such as "ordered for at least 500 in the last 90 days"."""
        return _("ordered for %(bounds)s%(window)s") % {
            "bounds": bounds_words(self.config.at_least, self.config.at_most),
            "window": window_words(self.config),
        }
