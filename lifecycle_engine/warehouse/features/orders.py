"""Recency, frequency, money and their trends, baskets, discounts."""

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.registry import feature
from lifecycle_engine.warehouse.features.windows import age_days, ratio, weeks_back, within

_ORDER_WINDOWS = (7, 14, 30, 60, 90, 180, 365)
_REVENUE_WINDOWS = (7, 30, 60, 90, 180, 365)
_SLOPE_WEEKS = 12


@feature(source="orders", unit="days")
def recency_days(orders: ir.Table) -> ir.Scalar:
    """Days since the newest order."""
    return age_days(orders.age_seconds.min())


@feature(source="orders", unit="days")
def tenure_days(orders: ir.Table) -> ir.Scalar:
    """Days since the first order."""
    return age_days(orders.age_seconds.max())


@feature(source="orders", unit="orders", missing=0.0)
def orders_total(orders: ir.Table) -> ir.Scalar:
    """Orders ever placed."""
    return orders.count()


@feature(source="orders", unit="money", missing=0.0)
def revenue_total(orders: ir.Table) -> ir.Scalar:
    """What all orders came to."""
    return orders.value.sum()


def _orders_within(days: int) -> None:
    @feature(
        name=f"orders_{days}d",
        source="orders",
        unit="orders",
        window_days=days,
        missing=0.0,
        description=f"Orders of the last {days} days.",
    )
    def orders_within(orders: ir.Table) -> ir.Scalar:
        return orders.count(where=within(orders, days))


def _revenue_within(days: int) -> None:
    @feature(
        name=f"revenue_{days}d",
        source="orders",
        unit="money",
        window_days=days,
        missing=0.0,
        description=f"What the orders of the last {days} days came to.",
    )
    def revenue_within(orders: ir.Table) -> ir.Scalar:
        return orders.value.sum(where=within(orders, days))


for _days in _ORDER_WINDOWS:
    _orders_within(_days)
for _days in _REVENUE_WINDOWS:
    _revenue_within(_days)


@feature(source="orders", unit="ratio", window_days=60)
def orders_trend(orders: ir.Table) -> ir.Scalar:
    """Orders of the last 30 days against the 30 before: from -1, none now, to 1, none then.

    It is (now - then) / (now + then), which stays bounded where a quotient would not.
    """
    now = orders.count(where=within(orders, 30))
    then = orders.count(where=within(orders, 30, ago=30))
    return ratio(now - then, now + then)


@feature(source="orders", unit="ratio", window_days=60)
def revenue_trend(orders: ir.Table) -> ir.Scalar:
    """Revenue of the last 30 days against that of the 30 before, like ``orders_trend``."""
    now = orders.value.sum(where=within(orders, 30)).coalesce(0.0)
    then = orders.value.sum(where=within(orders, 30, ago=30)).coalesce(0.0)
    return ratio(now - then, now + then)


@feature(source="orders", unit="orders per week", window_days=7 * _SLOPE_WEEKS, missing=0.0)
def orders_slope_12w(orders: ir.Table) -> ir.Scalar:
    """By how many orders a week the weekly number of orders grew, over the last 12 weeks.

    The slope of the straight line with the least squares through the 12 numbers. Each order adds
    its week's distance from the middle, over the sum of the squares of these distances.
    """
    weeks = float(_SLOPE_WEEKS)
    from_middle = (weeks - 1.0) / 2.0 - weeks_back(orders)
    squares = weeks * (weeks**2 - 1.0) / 12.0
    return from_middle.sum(where=within(orders, 7 * _SLOPE_WEEKS)) / squares


@feature(source="orders", unit="money", window_days=90)
def basket_value_mean_90d(orders: ir.Table) -> ir.Scalar:
    """Mean value of an order of the last 90 days."""
    return orders.value.mean(where=within(orders, 90))


@feature(source="orders", unit="money", window_days=90)
def basket_value_max_90d(orders: ir.Table) -> ir.Scalar:
    """Value of the largest order of the last 90 days."""
    return orders.value.max(where=within(orders, 90))


@feature(source="orders", unit="lines", window_days=90)
def lines_per_order_90d(orders: ir.Table) -> ir.Scalar:
    """Mean number of different lines of an order of the last 90 days."""
    return orders.lines.mean(where=within(orders, 90))


@feature(source="orders", unit="pieces", window_days=90, missing=0.0)
def quantity_90d(orders: ir.Table) -> ir.Scalar:
    """Pieces bought in the last 90 days."""
    return orders.quantity.sum(where=within(orders, 90))


@feature(source="orders", unit="share", window_days=90)
def discount_share_90d(orders: ir.Table) -> ir.Scalar:
    """The part of the full price that discounts took off, over the last 90 days."""
    recent = within(orders, 90)
    discount = orders.discount.sum(where=recent)
    return ratio(discount, discount + orders.value.sum(where=recent))


@feature(source="orders", unit="orders", window_days=90, missing=0.0)
def coupon_orders_90d(orders: ir.Table) -> ir.Scalar:
    """Orders of the last 90 days with a coupon."""
    return orders.count(where=within(orders, 90) & (orders.coupon_discount > 0))


@feature(source="orders", unit="money", window_days=90, missing=0.0)
def coupon_discount_90d(orders: ir.Table) -> ir.Scalar:
    """What coupons took off the orders of the last 90 days."""
    return orders.coupon_discount.sum(where=within(orders, 90))


@feature(source="orders", unit="stores", window_days=90, missing=0.0)
def stores_90d(orders: ir.Table) -> ir.Scalar:
    """Different stores of the last 90 days' orders."""
    return orders.store.nunique(where=within(orders, 90))


@feature(source="orders", unit="weeks", window_days=84, missing=0.0)
def active_weeks_12(orders: ir.Table) -> ir.Scalar:
    """Weeks of the last 12, counted back from the moment, with an order."""
    return weeks_back(orders).nunique(where=within(orders, 84))
