"""Campaigns, coupons and messages, and what customers made of them."""

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.counted import SOURCE, feature_counted, happened
from lifecycle_engine.warehouse.features.registry import feature
from lifecycle_engine.warehouse.features.windows import ratio

for _name, _event, _what in (
    ("campaigns_received", "Campaign Received", "Campaigns received"),
    ("coupons_issued", "Coupon Issued", "Coupons given by this engine"),
    ("coupons_redeemed", "Coupon Redeemed", "Coupons redeemed"),
    ("emails_sent", "Email Sent", "E-mails sent by this engine"),
    ("sms_sent", "SMS Sent", "SMS sent by this engine"),
):
    feature_counted(_name, _event, days=90, what=_what)


@feature(source=SOURCE, unit="ratio", window_days=365)
def coupon_redemption_rate_365d(events: ir.Table) -> ir.Scalar:
    """Coupons of this engine redeemed for each that it gave, in the last 365 days."""
    ours = events.source == "engine"
    redeemed = events.count(where=happened(events, "Coupon Redeemed", days=365) & ours)
    return ratio(redeemed, events.count(where=happened(events, "Coupon Issued", days=365) & ours))


@feature(source=SOURCE, unit="ratio", window_days=90)
def email_open_rate_90d(events: ir.Table) -> ir.Scalar:
    """Times an e-mail was opened for each one sent, in the last 90 days."""
    return _each(events, "Email Opened", "Email Sent")


@feature(source=SOURCE, unit="ratio", window_days=90)
def email_click_rate_90d(events: ir.Table) -> ir.Scalar:
    """Clicks on links in e-mails for each e-mail sent, in the last 90 days."""
    return _each(events, "Email Link Clicked", "Email Sent")


@feature(source=SOURCE, unit="ratio", window_days=90)
def sms_click_rate_90d(events: ir.Table) -> ir.Scalar:
    """Clicks on links in SMS for each SMS sent, in the last 90 days."""
    return _each(events, "SMS Link Clicked", "SMS Sent")


@feature(source=SOURCE, unit="events", window_days=365, missing=0.0)
def unsubscribes_365d(events: ir.Table) -> ir.Scalar:
    """Times the customer unsubscribed or withdrew a consent, in the last 365 days."""
    return events.count(where=happened(events, "Unsubscribed", "Consent Withdrawn", days=365))


def _each(events: ir.Table, answer: str, sent: str) -> ir.Scalar:
    answers = events.count(where=happened(events, answer, days=90))
    return ratio(answers, events.count(where=happened(events, sent, days=90)))
