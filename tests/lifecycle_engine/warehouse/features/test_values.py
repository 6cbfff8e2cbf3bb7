"""Each feature of one customer whose history is short enough to work it out by hand."""

import math
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from lifecycle_engine.warehouse.features import features_frame, features_known
from tests.factories.warehouse import (
    AS_OF,
    customer,
    event,
    line,
    order,
    row_tables,
    same,
)


def at(day: str, hour: int) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


# Days before 1 December 2017, a Friday:  354.5, 182.875, 59.875, 26.5 and 2.875.
ORDERS = [
    order(1, at("2016-12-11", 12), number=1, value=40.0, lines=4, quantity=4.0),  # a Sunday
    order(1, at("2017-06-01", 3), number=2, value=20.0, lines=2, quantity=2.0),  # a Thursday
    order(
        1,
        at("2017-10-02", 3),  # a Monday
        number=3,
        value=30.0,
        discount=10.0,
        coupon_discount=5.0,
        lines=3,
        quantity=5.0,
        store="2",
    ),
    order(1, at("2017-11-04", 12), number=4, value=60.0, lines=6, quantity=9.0),  # a Saturday
    order(1, at("2017-11-28", 3), number=5, value=10.0, discount=10.0),  # a Tuesday
]

# sku, department, category, discount of each line; the same days.
LINES = [
    line(1, at(day, hour), sku=sku, department=department, category=category, discount=discount)
    for day, hour, sku, department, category, discount in (
        ("2016-12-11", 12, "tea", "DRINKS", "TEA", 0.0),
        ("2017-06-01", 3, "tea", "DRINKS", "TEA", 0.0),
        ("2017-10-02", 3, "tea", "DRINKS", "TEA", 1.0),
        ("2017-10-02", 3, "milk", "DRINKS", "MILK", 0.0),
        ("2017-10-02", 3, "bun", "BAKERY", "BREAD", 0.0),
        ("2017-11-04", 12, "rye", "BAKERY", "BREAD", 0.0),
        ("2017-11-28", 3, "gift", None, None, 1.0),
    )
]

EVENTS = [
    event(1, AS_OF - timedelta(days=days), name, **values)
    for name, times, values in (
        ("Order Completed", (300, 80, 20), {"value": 50.0}),
        ("Campaign Received", (200, 60, 30), {}),
        ("Coupon Issued", (364, 100, 90, 10), {"source": "engine"}),
        ("Coupon Redeemed", (300, 50), {"source": "engine"}),
        ("Coupon Redeemed", (40,), {"source": "shop"}),
        ("Email Sent", (120, 80, 60, 40, 20), {"source": "engine"}),
        ("Email Opened", (100, 79, 59, 58), {}),
        ("Email Link Clicked", (100, 59), {}),
        ("SMS Sent", (95, 50, 45), {"source": "engine"}),
        ("SMS Link Clicked", (49,), {}),
        ("Unsubscribed", (400, 300), {}),
        ("Consent Withdrawn", (40,), {}),
        ("Product Viewed", (70, 31, 30, 29, 9), {}),
        ("Products Searched", (31, 8), {}),
        ("Product Added", (28, 7), {}),
        ("Product List Viewed", (6,), {}),
        ("Order Refunded", (400, 70), {"value": 30.0}),
        ("Order Cancelled", (10,), {}),
    )
    for days in times
]

RECENT = (30.0 + 60.0 + 10.0) / 3
GAPS = (171.625, 123.0, 33.375, 23.625)
GAP_MEAN = 351.625 / 4
GAP_STD = math.sqrt(sum((gap - GAP_MEAN) ** 2 for gap in GAPS) / 3)
# What five orders cut the year into.
PIECES = [days / 365 for days in (10.5, *GAPS, 2.875)]
# Of six lines with a category three are TEA, one is MILK, two are BREAD.
CATEGORIES = (3 / 6, 1 / 6, 2 / 6)
# Weeks of the last twelve, 0 the oldest: 26.5 days ago is the fourth back, 59.875 the ninth.
WEEKS = [0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1]
SLOPE = sum((week - 5.5) * orders for week, orders in enumerate(WEEKS)) / sum(
    (week - 5.5) ** 2 for week in range(12)
)

VALUES = {
    # orders
    "recency_days": 2.875,
    "tenure_days": 354.5,
    "orders_total": 5,
    "orders_7d": 1,
    "orders_14d": 1,
    "orders_30d": 2,
    "orders_60d": 3,
    "orders_90d": 3,
    "orders_180d": 3,
    "orders_365d": 5,
    "revenue_total": 160,
    "revenue_7d": 10,
    "revenue_30d": 70,
    "revenue_60d": 100,
    "revenue_90d": 100,
    "revenue_180d": 100,
    "revenue_365d": 160,
    "orders_trend": (2 - 1) / (2 + 1),
    "revenue_trend": (70 - 30) / (70 + 30),
    "orders_slope_12w": SLOPE,
    "basket_value_mean_90d": RECENT,
    "basket_value_max_90d": 60,
    "lines_per_order_90d": (3 + 6 + 1) / 3,
    "quantity_90d": 5 + 9 + 1,
    "discount_share_90d": 20 / 120,
    "coupon_orders_90d": 1,
    "coupon_discount_90d": 5,
    "stores_90d": 2,
    "active_weeks_12": 3,
    # order_sequence
    "gap_days_mean": GAP_MEAN,
    "gap_days_median": (123 + 33.375) / 2,
    "gap_days_std": GAP_STD,
    "gap_days_cv": GAP_STD / GAP_MEAN,
    "gap_days_max": 171.625,
    "gap_days_last": 23.625,
    "clumpiness_365d": 1 + sum(x * math.log(x) for x in PIECES) / math.log(6),
    "recency_over_gap": 2.875 / GAP_MEAN,
    "recency_over_gap_max": 2.875 / 171.625,
    "basket_value_last": 10,
    "basket_value_last3_over_mean": RECENT / (160 / 5),
    # order_lines, and what was bought
    "discounted_lines_share_90d": 2 / 5,
    "products_90d": 5,
    "repeat_products_share_365d": 1 / 5,
    "departments_90d": 2,
    "favourite_department_share_365d": 4 / 6,
    "categories_90d": 3,
    "favourite_category_share_365d": 3 / 6,
    "category_entropy_365d": -sum(p * math.log(p) for p in CATEGORIES),
    # orders and order_hours
    "weekend_share_90d": 1 / 3,
    "night_share_90d": 2 / 3,
    "favourite_hour_share_365d": 3 / 5,
    "season_orders_last_year": 1,
    "q4_revenue_share_365d": (40 + 30 + 60 + 10) / 160,
    # events
    "campaigns_received_90d": 2,
    "coupons_issued_90d": 2,
    "coupons_redeemed_90d": 2,
    "coupon_redemption_rate_365d": 2 / 4,
    "emails_sent_90d": 4,
    "email_open_rate_90d": 3 / 4,
    "email_click_rate_90d": 1 / 4,
    "sms_sent_90d": 2,
    "sms_click_rate_90d": 1 / 2,
    "unsubscribes_365d": 2,
    "products_viewed_30d": 3,
    "products_added_30d": 2,
    "searches_30d": 1,
    "browsing_recency_days": 6,
    "orders_per_view_90d": 2 / 5,
    "refunds_365d": 1,
    "cancellations_365d": 1,
    "refunded_share_365d": 30 / 150,
}


@pytest.fixture(scope="module")
def frame(tmp_path_factory) -> pa.Table:
    rows = {"orders": ORDERS, "order_lines": LINES, "events": EVENTS}
    people = [customer(1, created_at=at("2016-01-01", 0)), customer(2)]
    with row_tables(tmp_path_factory.mktemp("values"), customers=people, **rows) as tables:
        return features_frame(names=list(VALUES), as_of=AS_OF, tables=tables)


def test_every_feature_has_its_value_here():
    assert set(VALUES) == {known.name for known in features_known()}


@pytest.mark.parametrize("name", VALUES)
def test_value_worked_out_by_hand(name, frame):
    assert same(frame[name][0].as_py(), VALUES[name])


@pytest.mark.parametrize("known", features_known(), ids=lambda known: known.name)
def test_customer_without_history_has_what_the_feature_says(known, frame):
    assert same(frame[known.name][1].as_py(), known.missing)
