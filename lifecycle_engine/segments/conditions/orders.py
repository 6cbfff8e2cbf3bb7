"""What the customer ordered: when last, for how much, and from which part of the catalogue."""

from datetime import datetime
from typing import Annotated

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from pydantic import Field, StrictInt, StrictStr, model_validator

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.conditions.comparisons import Number
from lifecycle_engine.segments.conditions.windows import (
    Days,
    Window,
    among,
    bounds_check,
    bounds_words,
    crossing,
    moment,
    own,
    times_words,
    window_words,
    within,
)

Label = Annotated[StrictStr, Field(min_length=1, max_length=200)]


class RecencyConfig(Config):
    """Days since the last order."""

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

    def expiring(self, tables: Tables, since: datetime) -> ir.Table | None:
        """Whose order came to pass, or became so many days old."""
        ages = [self.config.at_least_days, self.config.at_most_days]
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

    at_least: Annotated[Number, Field(gt=0)] | None = Field(default=None, title="At least")
    at_most: Number | None = Field(default=None, title="At most")

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
        """Sum the orders' values by customer, to the cent."""
        orders = within(tables, tables.orders, self.config.days)
        # Sums of floating point depend on their order; the cent does not.
        total = orders.value.sum().fill_null(0).round(2)
        summed = orders.group_by("customer_id").aggregate(total=total)
        at_least, at_most = self.config.at_least, self.config.at_most
        if at_least is None:
            return self._at_most(customers, summed)
        enough = among(customers, summed.filter(summed.total >= float(at_least)).customer_id)
        return enough if at_most is None else enough & self._at_most(customers, summed)

    def _at_most(self, customers: ir.Table, summed: ir.Table) -> ir.BooleanValue:
        at_most = float(self.config.at_most or 0)
        if at_most < 0:
            return among(customers, summed.filter(summed.total <= at_most).customer_id)
        return ~among(customers, summed.filter(summed.total > at_most).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """What the orders are worth together."""
        orders = own(within(tables, tables.orders, self.config.days), customers)
        return orders.value.sum().fill_null(0).round(2).as_scalar()

    def expiring(self, tables: Tables, since: datetime) -> ir.Table | None:
        """Whose order came to pass, or left the window."""
        return crossing(tables, tables.orders, since, [self.config.days])

    def sentence(self) -> str:
        """Such as "ordered for at least 500 in the last 90 days"."""
        return _("ordered for %(bounds)s%(window)s") % {
            "bounds": bounds_words(self.config.at_least, self.config.at_most),
            "window": window_words(self.config.days),
        }


class CatalogueConfig(Config):
    """A department or a category of the catalogue."""

    department: Label | None = Field(default=None, title="Department")
    category: Label | None = Field(default=None, title="Category")

    @model_validator(mode="after")
    def _one(self) -> "CatalogueConfig":
        if (self.department is None) == (self.category is None):
            raise ValueError("exactly one of department and category is wanted")
        return self


class BoughtConfig(CatalogueConfig, Window):
    """From where, when, and in how many orders."""

    at_least: Annotated[StrictInt, Field(ge=1, le=10**6)] = Field(
        default=1, title="In at least so many orders"
    )


@conditions.register
class CategoryBought(Condition[BoughtConfig]):
    """The customer bought from a department or category."""

    key = "category.bought"
    label = gettext_lazy("Bought from a department or category")
    Config = BoughtConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Count the orders with such a line."""
        lines = _lines(within(tables, tables.order_lines, self.config.days), self.config)
        if self.config.at_least == 1:
            return among(customers, lines.customer_id)
        counted = lines.group_by("customer_id").aggregate(orders=lines.event_id.nunique())
        return among(customers, counted.filter(counted.orders >= self.config.at_least).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """How many orders have such a line."""
        lines = _lines(within(tables, tables.order_lines, self.config.days), self.config)
        return own(lines, customers).event_id.nunique().as_scalar()

    def expiring(self, tables: Tables, since: datetime) -> ir.Table | None:
        """Whose such line came to pass, or left the window."""
        lines = _lines(tables.order_lines, self.config)
        return crossing(tables, lines, since, [self.config.days])

    def sentence(self) -> str:
        """Such as "bought from PASTRY at least 2 times in the last 90 days"."""
        return _("bought from %(part)s %(bounds)s%(window)s") % {
            "part": self.config.department or self.config.category,
            "bounds": bounds_words(times_words(self.config.at_least), None),
            "window": window_words(self.config.days),
        }


class LapsedConfig(CatalogueConfig):
    """From where, and how long no more."""

    days: Days = Field(title="Not in the last so many days")
    at_least: Annotated[StrictInt, Field(ge=1, le=10**6)] = Field(
        default=1, title="In at least so many orders before"
    )


@conditions.register
class CategoryLapsed(Condition[LapsedConfig]):
    """The customer used to buy from a department or category, and no longer does."""

    key = "category.lapsed"
    label = gettext_lazy("Lapsed buyer of a department or category")
    Config = LapsedConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Who has enough orders with such a line, the newest of them before the window."""
        lines = _lines(tables.order_lines, self.config)
        bought = lines.group_by("customer_id").aggregate(
            orders=lines.event_id.nunique(), last=lines.occurred_at.max()
        )
        lapsed = (bought.orders >= self.config.at_least) & (
            bought["last"] < moment(tables, self.config.days)
        )
        return among(customers, bought.filter(lapsed).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """When such a line was last ordered."""
        lines = _lines(tables.order_lines, self.config)
        return own(lines, customers).occurred_at.max().as_scalar()

    def expiring(self, tables: Tables, since: datetime) -> ir.Table | None:
        """Whose such line came to pass, or left the days in which there must be none."""
        lines = _lines(tables.order_lines, self.config)
        return crossing(tables, lines, since, [self.config.days])

    def sentence(self) -> str:
        """Such as "bought from PASTRY at least 2 times, but not in the last 60 days"."""
        return _("bought from %(part)s %(bounds)s, but not%(window)s") % {
            "part": self.config.department or self.config.category,
            "bounds": bounds_words(times_words(self.config.at_least), None),
            "window": window_words(self.config.days),
        }


def _lines(lines: ir.Table, config: CatalogueConfig) -> ir.Table:
    if config.department is not None:
        return lines.filter(lines.department == config.department)
    return lines.filter(lines.category == config.category)
