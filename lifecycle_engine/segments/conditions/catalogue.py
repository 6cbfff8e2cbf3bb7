"""Which parts of the catalogue the customer buys from."""

from datetime import timedelta
from typing import Annotated, ClassVar

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field, StrictInt, StrictStr, model_validator

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.sdk.tables import Moment, Tables
from lifecycle_engine.segments.conditions.comparisons import Number
from lifecycle_engine.segments.conditions.shapes import Demands, Shape, one_given
from lifecycle_engine.segments.conditions.windows import (
    Days,
    Window,
    among,
    bounds_words,
    crossing,
    moment,
    own,
    times_words,
    window_words,
    within,
)

Label = Annotated[StrictStr, Field(min_length=1, max_length=200)]

_PARTS = ("department", "category", "brand", "sku")


class Part(Shape):
    """A department, a category, a brand or a product of the catalogue."""

    demands: ClassVar[Demands] = (one_given(*_PARTS),)

    department: Label | None = Field(default=None, title="Department")
    category: Label | None = Field(default=None, title="Category")
    brand: Label | None = Field(default=None, title="Brand")
    sku: Label | None = Field(default=None, title="Product")

    @model_validator(mode="after")
    def _one(self) -> "Part":
        if sum(getattr(self, kind) is not None for kind in _PARTS) != 1:
            raise ConfigError(
                "exactly one of department, category, brand and sku is wanted",
                gettext_noop("Name a department, a category, a brand or a product, one of them."),
            )
        return self

    @property
    def named(self) -> tuple[str, str]:
        """The kind of part, and its name."""
        return next((kind, getattr(self, kind)) for kind in _PARTS if getattr(self, kind))


class BoughtConfig(Window, Part):
    """From where, when, and in how many orders."""

    at_least: Annotated[StrictInt, Field(ge=1, le=10**6)] = Field(
        default=1, title="In at least so many orders"
    )


@conditions.register
class CategoryBought(Condition[BoughtConfig]):
    """The customer bought from a part of the catalogue."""

    key = "category.bought"
    label = gettext_lazy("Bought from a part of the catalogue")
    Config = BoughtConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Count the orders with such a line."""
        lines = self._lines(tables)
        if self.config.at_least == 1:
            return among(customers, lines.customer_id)
        counted = lines.group_by("customer_id").aggregate(orders=lines.event_id.nunique())
        return among(customers, counted.filter(counted.orders >= self.config.at_least).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """How many orders have such a line."""
        return own(self._lines(tables), customers).event_id.nunique().as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose such line came to pass, or entered or left the window."""
        lines = lines_of(tables, tables.order_lines, self.config)
        return crossing(tables, lines, since, self.config.ages)

    def _lines(self, tables: Tables) -> ir.Table:
        return lines_of(tables, within(tables, tables.order_lines, self.config), self.config)

    def sentence(self) -> str:
        """Such as "bought from PASTRY at least 2 times in the last 90 days"."""
        return _("bought from %(part)s %(bounds)s%(window)s") % {
            "part": self.config.named[1],
            "bounds": bounds_words(times_words(self.config.at_least), None),
            "window": window_words(self.config),
        }


class LapsedConfig(Part):
    """From where, and how long no more."""

    days: Days = Field(title="Not in the last so many days")
    at_least: Annotated[StrictInt, Field(ge=1, le=10**6)] = Field(
        default=1, title="In at least so many orders before"
    )


@conditions.register
class CategoryLapsed(Condition[LapsedConfig]):
    """The customer used to buy from a part of the catalogue, and no longer does."""

    key = "category.lapsed"
    label = gettext_lazy("Lapsed buyer of a part of the catalogue")
    Config = LapsedConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Who has enough orders with such a line, the newest of them before the window."""
        lines = lines_of(tables, tables.order_lines, self.config)
        bought = lines.group_by("customer_id").aggregate(
            orders=lines.event_id.nunique(), last=lines.occurred_at.max()
        )
        lapsed = (bought.orders >= self.config.at_least) & (
            bought["last"] < moment(tables, self.config.days)
        )
        return among(customers, bought.filter(lapsed).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """When such a line was last ordered."""
        lines = lines_of(tables, tables.order_lines, self.config)
        return own(lines, customers).occurred_at.max().as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose such line came to pass, or left the days in which there must be none."""
        lines = lines_of(tables, tables.order_lines, self.config)
        return crossing(tables, lines, since, [timedelta(days=self.config.days)])

    def sentence(self) -> str:
        """Such as "bought from PASTRY at least 2 times, but not in the last 60 days"."""
        return _("bought from %(part)s %(bounds)s, but not%(window)s") % {
            "part": self.config.named[1],
            "bounds": bounds_words(times_words(self.config.at_least), None),
            "window": window_words(Window(days=self.config.days)),
        }


class ShareConfig(Window, Part):
    """Which part, when, and how much of what was bought."""

    at_least_percent: Annotated[Number, Field(gt=0, le=100)] = Field(title="At least (%)")


@conditions.register
class CategoryShare(Condition[ShareConfig]):
    """How much of what the customer bought is from a part of the catalogue, by lines of orders."""

    key = "category.share"
    label = gettext_lazy("Affinity to a part of the catalogue")
    Config = ShareConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Compare the number of such lines with that of all; who bought nothing has no share."""
        counted = self._counted(within(tables, tables.order_lines, self.config), tables)
        # Multiplied, since a quotient would be rounded.
        enough = counted.such * 100.0 >= counted.lines * float(self.config.at_least_percent)
        return among(customers, counted.filter(enough).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """The share in percent."""
        mine = own(within(tables, tables.order_lines, self.config), customers)
        counted = self._counted(mine, tables)
        return (counted.such * 100.0 / counted.lines).max().as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose order, of whatever, came to pass, or entered or left the window."""
        return crossing(tables, tables.order_lines, since, self.config.ages)

    def _counted(self, lines: ir.Table, tables: Tables) -> ir.Table:
        such = lines_of(tables, lines, self.config)
        counted = such.group_by("customer_id").aggregate(such=such.count())
        every = lines.group_by("customer_id").aggregate(lines=lines.count())
        return every.join(counted, "customer_id")

    def sentence(self) -> str:
        """Such as "buys at least 30 % from PASTRY in the last 90 days"."""
        return _("bought at least %(percent)g %% from %(part)s%(window)s") % {
            "percent": self.config.at_least_percent,
            "part": self.config.named[1],
            "window": window_words(self.config),
        }


def lines_of(tables: Tables, lines: ir.Table, part: Part) -> ir.Table:
    """The order lines that are of a part of the catalogue."""
    kind, name = part.named
    if kind != "brand":
        return lines.filter(lines[kind] == name)
    # An order line does not say its brand.
    products = tables.products
    return lines.semi_join(products.filter(products.brand == name), "sku")
