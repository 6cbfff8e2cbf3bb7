"""Looking around in the shop, and taking back what was ordered."""

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.counted import SOURCE, feature_counted, happened
from lifecycle_engine.warehouse.features.registry import feature
from lifecycle_engine.warehouse.features.windows import age_days, ratio

# Names of the Segment e-commerce specification, as in ``docs/reference/events.md``.
_BROWSED = ("Product Viewed", "Product List Viewed", "Products Searched", "Product Added")

for _name, _event, _days, _what in (
    ("products_viewed", "Product Viewed", 30, "Product pages looked at"),
    ("products_added", "Product Added", 30, "Products put into the cart"),
    ("searches", "Products Searched", 30, "Searches for products"),
    ("refunds", "Order Refunded", 365, "Orders refunded, in whole or in part,"),
    ("cancellations", "Order Cancelled", 365, "Orders cancelled"),
):
    feature_counted(_name, _event, days=_days, what=_what)


@feature(source=SOURCE, unit="days", window_days=365)
def browsing_recency_days(events: ir.Table) -> ir.Scalar:
    """Days since the customer last looked at, searched or put aside a product, up to 365."""
    return age_days(events.age_seconds.min(where=happened(events, *_BROWSED, days=365)))


@feature(source=SOURCE, unit="ratio", window_days=90)
def orders_per_view_90d(events: ir.Table) -> ir.Scalar:
    """Orders for each product page looked at, in the last 90 days."""
    orders = events.count(where=happened(events, "Order Completed", days=90))
    return ratio(orders, events.count(where=happened(events, "Product Viewed", days=90)))


@feature(source=SOURCE, unit="ratio", window_days=365)
def refunded_share_365d(events: ir.Table) -> ir.Scalar:
    """What was refunded in the last 365 days over what orders came to in the same days."""
    refunded = events.value.sum(where=happened(events, "Order Refunded", days=365))
    ordered = events.value.sum(where=happened(events, "Order Completed", days=365))
    return ratio(refunded.coalesce(0.0), ordered)
