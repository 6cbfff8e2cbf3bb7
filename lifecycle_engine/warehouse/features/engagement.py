"""Campaigns, coupons and browsing."""

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.registry import age_days, feature, within

SOURCE = "events"


def _counted(name: str, event: str, days: int, what: str) -> None:
    @feature(
        name=f"{name}_{days}d",
        source=SOURCE,
        unit="events",
        window_days=days,
        missing=0.0,
        description=f"{what} in the last {days} days.",
    )
    def counted(events: ir.Table) -> ir.Scalar:
        return events.count(where=within(events, days) & (events.name == event))


for _name, _event, _days, _what in (
    ("campaigns_received", "Campaign Received", 90, "Campaigns received"),
    ("coupons_issued", "Coupon Issued", 90, "Coupons given by this engine"),
    ("coupons_redeemed", "Coupon Redeemed", 90, "Coupons redeemed"),
    ("coupons_redeemed", "Coupon Redeemed", 365, "Coupons redeemed"),
    ("emails_sent", "Email Sent", 30, "E-mails sent by this engine"),
    ("products_viewed", "Product Viewed", 30, "Product pages looked at"),
):
    _counted(_name, _event, _days, _what)


@feature(source=SOURCE, unit="days")
def campaign_recency_days(events: ir.Table) -> ir.Scalar:
    """Days since the newest campaign was received."""
    return age_days(events.age_seconds.min(where=events.name == "Campaign Received"))
