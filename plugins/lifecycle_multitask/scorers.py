"""The four tasks, each a scorer of its own; off until staff switch them on."""

from typing import Any, ClassVar, Literal

import ibis
import ibis.expr.types as ir
import pandas as pd
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.scorers import Amount, MinimumData, Probability, scorers
from lifecycle_engine.sdk.tables import Tables, json_text
from lifecycle_engine.sdk.tasks import SharedModel, TaskScorer
from plugins.lifecycle_multitask.model import Lifecycle


class _Task(TaskScorer):
    """A task of the shared network."""

    model: ClassVar[type[SharedModel]] = Lifecycle
    #: As many outcomes as an AUC needs to be known to about five hundredths.
    minimum: ClassVar[MinimumData] = MinimumData(customers=200, positives=50, negatives=50)

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """One feature alone, or what is usual."""
        assert isinstance(self.shared, Lifecycle)  # noqa: S101 - that is the model.
        return self.shared.past(self.key, frame)


@scorers.register
class Activation(_Task):
    """Probability that somebody who never ordered places the first order in the next 30 days.

    Of who is registered, or was seen. The baseline goes by how long the shop has known them.
    """

    key: ClassVar[str] = "lifecycle.activation"
    label: ClassVar[Any] = _("Activation, learned with other tasks")
    output: ClassVar[Probability | Amount] = Probability()

    def population(self, tables: Tables) -> ir.Table:
        """Known, and without an order."""
        return _known(tables).anti_join(tables.orders, "customer_id")

    def outcome(self, tables: Tables) -> ir.Table:
        """1 for whoever places an order."""
        return _ordered(tables)


@scorers.register
class Retention(_Task):
    """Probability that a customer who has bought before places an order in the next 30 days.

    The baseline goes by how long ago the newest order is.
    """

    key: ClassVar[str] = "lifecycle.retention"
    label: ClassVar[Any] = _("Retention, learned with other tasks")
    output: ClassVar[Probability | Amount] = Probability()

    def outcome(self, tables: Tables) -> ir.Table:
        """1 for whoever places an order."""
        return _ordered(tables)


@scorers.register
class Purchase(_Task):
    """What somebody will spend in the next 30 days, also somebody who has not bought yet.

    The baseline is what they spent in the last 30 days.
    """

    key: ClassVar[str] = "lifecycle.purchase"
    label: ClassVar[Any] = _("Spend in 30 days, learned with other tasks")
    output: ClassVar[Probability | Amount] = Amount("money")

    def population(self, tables: Tables) -> ir.Table:
        """Everybody who is known."""
        return _known(tables)

    def outcome(self, tables: Tables) -> ir.Table:
        """The value of their orders."""
        spent = tables.orders.group_by("customer_id").aggregate(value=tables.orders.value.sum())
        # A refund may make it less than nothing; nobody is expected to spend that.
        return spent.select("customer_id", target=ibis.greatest(spent.value.fill_null(0), 0))

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The next 30 days as the last."""
        return frame["revenue_30d"].fillna(0.0).clip(lower=0.0).rename("past")


@scorers.register
class AcquisitionCost(_Task):
    """What acquiring somebody who never ordered will cost, if it comes about in the next 30 days.

    It learns from those of whom the shop says so, by an event ``Customer Acquired`` with an
    ``acquisition_cost``. Of all others nobody knows it. The baseline is the median.
    """

    key: ClassVar[str] = "lifecycle.acquisition_cost"
    label: ClassVar[Any] = _("Acquisition cost, learned with other tasks")
    output: ClassVar[Probability | Amount] = Amount("money")
    wanted: ClassVar[Literal["higher", "lower"]] = "lower"
    outcome_missing: ClassVar[float] = float("nan")
    #: Few are acquired in each window.
    minimum: ClassVar[MinimumData] = MinimumData(customers=50, positives=50)

    def population(self, tables: Tables) -> ir.Table:
        """Known, and without an order."""
        return _known(tables).anti_join(tables.orders, "customer_id")

    def outcome(self, tables: Tables) -> ir.Table:
        """What the shop says that they cost; several costs of one customer add up."""
        events = tables.events
        told = events.filter(events.name == "Customer Acquired").select(
            "customer_id",
            cost=json_text(events.properties, "acquisition_cost").try_cast("float64"),
        )
        # NaN and infinity are no costs; comparing with a number leaves out what is null, too.
        costs = told.filter((told.cost >= 0) & (told.cost < float("inf")))
        return costs.group_by("customer_id").aggregate(target=costs.cost.sum())


def _known(tables: Tables) -> ir.Table:
    """Registered before the moment, or seen then."""
    customers = tables.customers
    registered = customers.filter(customers.created_at < tables.moment())
    found = registered.select(customer_id=registered.id)
    return found.union(tables.events.select("customer_id")).drop_null().distinct()


def _ordered(window: Tables) -> ir.Table:
    return window.orders.select("customer_id").distinct().mutate(target=ibis.literal(1.0))
