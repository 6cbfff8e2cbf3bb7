"""What an occurrence caused: treated against held out, net of what its coupons cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from django.utils.translation import gettext as _

from campaigns.journeys import Policy
from campaigns.models import Arm, Occurrence
from campaigns.statistics import Difference, Moments, means_difference, rates_difference
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.sdk.tables import Tables

ORDER_EVENT = "Order Completed"

_COST_SCHEMA = pa.schema([("customer_id", pa.int64()), ("cost", pa.float64())])


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One side of the comparison.

    Attributes:
        customers: enrolled on this side, whether or not anything reached them.
        converted: those with the goal's event in the window.
        revenue: value of their orders in the window, in the shop's currency.
        coupon_cost: discounts of the occurrence's own coupons redeemed in the window.
    """

    customers: int
    converted: int
    revenue: float
    coupon_cost: float

    @property
    def conversion_rate(self) -> float:
        """Share of customers who reached the goal."""
        return self.converted / self.customers if self.customers else 0.0

    @property
    def net_revenue_per_customer(self) -> float:
        """Revenue less coupon cost, per customer."""
        return (self.revenue - self.coupon_cost) / self.customers if self.customers else 0.0


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """Treated against held out in the window ``fire_at <= occurred_at < until``.

    Attributes:
        conversion: difference of conversion rates; None where nobody can be compared.
        revenue: difference of net revenue per customer; None likewise.
    """

    occurrence_id: int
    goal: str
    since: datetime
    until: datetime
    treated: ArmResult
    held_out: ArmResult
    conversion: Difference | None
    revenue: Difference | None

    @property
    def shows_effect(self) -> bool:
        """Whether the interval of either difference leaves zero out."""
        found = (self.conversion, self.revenue)
        return any(difference is not None and difference.shows_effect for difference in found)

    @property
    def verdict(self) -> str:
        """What may be said of it, in words."""
        if self.conversion is None or self.revenue is None:
            return _("Nothing can be compared: too few customers were treated or held out.")
        points = _("percentage points")
        parts = [
            _verdict(_("Conversion rate"), self.conversion, times=100, digits=1, unit=points),
            # No currency: a shop's orders are all in its own.
            _verdict(_("Net revenue per customer"), self.revenue, times=1, digits=2),
        ]
        return " ".join(parts)


def campaign_results(*, occurrence_id: int, until: datetime, tables: Tables) -> CampaignResult:
    """Compare the two sides of an occurrence by what they did after it fired.

    Everybody enrolled counts on the side they were drawn for, also those whom no message reached:
    only the draw makes the sides alike. The window ends with the policy's ``goal_days`` if that is
    before ``until``.

    Args:
        occurrence_id: the occurrence.
        until: end of the window, exclusive; aware.
        tables: a warehouse session; only its window from firing to ``until`` is read.

    Raises:
        Occurrence.DoesNotExist: there is no such occurrence.
        ValueError: the window ends before the occurrence fired.
    """
    occurrence = Occurrence.objects.select_related("version").get(pk=occurrence_id)
    policy = Policy.model_validate(occurrence.version.policy)
    since = occurrence.fire_at
    until = min(until, since + timedelta(days=policy.goal_days))
    if until < since:
        raise ValueError(f"until={until} is before the occurrence fired, {since}")
    costs = _coupon_costs(occurrence_id, since, until)
    per_arm = tables.execute(
        _per_arm(tables.window(since, until), occurrence_id, policy.goal, costs)
    )
    found = {row["arm"]: row for row in per_arm.to_pylist()}
    treated, treated_net = _arm(found.get(Arm.TREATED))
    held_out, held_out_net = _arm(found.get(Arm.HOLDOUT))
    return CampaignResult(
        occurrence_id=occurrence_id,
        goal=policy.goal,
        since=since,
        until=until,
        treated=treated,
        held_out=held_out,
        conversion=rates_difference(
            treated=treated.converted,
            treated_of=treated.customers,
            held_out=held_out.converted,
            held_out_of=held_out.customers,
        ),
        revenue=means_difference(treated_net, held_out_net),
    )


def _per_arm(tables: Tables, occurrence_id: int, goal: str, costs: pa.Table) -> ir.Table:
    """One row per arm: customers, converted, sums of revenue and cost, and of the net squared."""
    enrolled = tables["enrolments"]
    enrolled = enrolled.filter(enrolled.occurrence_id == occurrence_id).select("customer_id", "arm")
    orders = tables.orders
    bought = orders.group_by("customer_id").agg(revenue=orders.value.sum(), orders=orders.count())
    reached = _reached(tables, goal, bought)
    cost = ibis.memtable(costs)
    joined = (
        enrolled.left_join(bought, "customer_id")
        .select(enrolled.customer_id, enrolled.arm, bought.revenue)
        .left_join(reached, "customer_id")
        .select("customer_id", "arm", "revenue", "times")
        .left_join(cost, "customer_id")
        .select("customer_id", "arm", "revenue", "times", "cost")
    )
    row = joined.select(
        "arm",
        revenue=joined.revenue.fill_null(0.0),
        cost=joined.cost.fill_null(0.0),
        converted=(joined.times.fill_null(0) > 0).cast("int64"),
    )
    net = row.revenue - row.cost
    return row.group_by("arm").agg(
        customers=row.count(),
        converted=row.converted.sum(),
        revenue=row.revenue.sum(),
        cost=row.cost.sum(),
        net=net.sum(),
        net_squares=(net * net).sum(),
    )


def _reached(tables: Tables, goal: str, bought: ir.Table) -> ir.Table:
    """One row per customer with the goal's event, and how many times."""
    if goal == ORDER_EVENT:
        return bought.select("customer_id", times="orders")
    events = tables.events.filter(tables.events.name == goal)
    return events.group_by("customer_id").agg(times=events.count())


def _coupon_costs(occurrence_id: int, since: datetime, until: datetime) -> pa.Table:
    rows = sql_rows(
        "campaigns",
        "coupon_costs",
        {"occasions": f"campaign:{occurrence_id}:%", "since": since, "until": until},
    )
    columns = {
        "customer_id": [customer_id for customer_id, _cost in rows],
        "cost": [float(cost) for _customer_id, cost in rows],
    }
    return pa.table(columns, schema=_COST_SCHEMA)


def _arm(row: dict[str, float] | None) -> tuple[ArmResult, Moments]:
    if row is None:
        return ArmResult(0, 0, 0.0, 0.0), Moments(0, 0.0, 0.0)
    customers = int(row["customers"])
    result = ArmResult(customers, int(row["converted"]), row["revenue"], row["cost"])
    moments = Moments.of_sums(count=customers, total=row["net"], squares=row["net_squares"])
    return result, moments


def _verdict(what: str, difference: Difference, *, times: int, digits: int, unit: str = "") -> str:
    """One sentence, with numbers that were multiplied, rounded and given a sign."""
    estimate, low, high = (
        f"{times * number:+z,.{digits}f}"
        for number in (difference.estimate, difference.low, difference.high)
    )
    values = {"what": what, "estimate": f"{estimate} {unit}".strip(), "low": low, "high": high}
    if difference.shows_effect:
        return (
            _("%(what)s: a difference of %(estimate)s, 95 %% interval %(low)s to %(high)s.")
            % values
        )
    return (
        _(
            "%(what)s: no effect shown (%(estimate)s, 95 %% interval %(low)s to %(high)s, which "
            "covers zero)."
        )
        % values
    )
