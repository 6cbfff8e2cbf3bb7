"""When customers order: time of day, day of the week, season. In UTC."""

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.registry import feature
from lifecycle_engine.warehouse.features.windows import hour_utc, ratio, weekday_utc, within

_NIGHT_ENDS = 6


@feature(source="orders", unit="share", window_days=90)
def weekend_share_90d(orders: ir.Table) -> ir.Scalar:
    """The part of the last 90 days' orders that was placed on a Saturday or Sunday, in UTC."""
    recent = within(orders, 90)
    weekend = weekday_utc(orders) >= 5
    return ratio(orders.count(where=recent & weekend), orders.count(where=recent))


@feature(source="orders", unit="share", window_days=90)
def night_share_90d(orders: ir.Table) -> ir.Scalar:
    """The part of the last 90 days' orders that was placed from midnight to six, in UTC."""
    recent = within(orders, 90)
    night = hour_utc(orders) < _NIGHT_ENDS
    return ratio(orders.count(where=recent & night), orders.count(where=recent))


@feature(source="order_hours", unit="share", window_days=365)
def favourite_hour_share_365d(hours: ir.Table) -> ir.Scalar:
    """The part of the last 365 days' orders in the hour of the day that has most, in UTC."""
    return ratio(hours.orders.max(), hours.orders.sum())


@feature(source="orders", unit="orders", window_days=365, missing=0.0)
def season_orders_last_year(orders: ir.Table) -> ir.Scalar:
    """Orders a year ago of the 30 days that are to come: those 335 to 365 days back."""
    return orders.count(where=within(orders, 30, ago=335))


@feature(source="orders", unit="share", window_days=365)
def q4_revenue_share_365d(orders: ir.Table) -> ir.Scalar:
    """The part of the last 365 days' revenue from October to December, in UTC."""
    year = within(orders, 365)
    autumn = orders.occurred_at.quarter() == 4
    return ratio(orders.value.sum(where=year & autumn).coalesce(0.0), orders.value.sum(where=year))
