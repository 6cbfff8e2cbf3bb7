"""The propensity scorers keep the promises of the plugin API, built-in ones and those of staff."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import ibis
import pytest

from lifecycle_engine.sdk.families import Target
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.testing.scorers import check_scorer
from lifecycle_engine.sdk.testing.shop import shop_tables
from lifecycle_engine.sdk.testing.tables import MemoryTables
from plugins.propensity.learning import PropensityConfig
from plugins.propensity.past import past, windows_for, windows_judged
from plugins.propensity.scorers import (
    Activation,
    CouponRedemption,
    PurchaseNextDay,
    PurchaseNextHour,
    PurchaseNextWeek,
    Targets,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GROCERY = Target(
    key="propensity.grocery",
    label="Buys groceries",
    sentence="A customer who bought from Grocery.",
    horizon_days=14,
    population=lambda tables: tables.orders.select("customer_id").distinct(),
    outcome=lambda window: (
        window.order_lines.join(window.products, "sku")
        .filter(ibis._.department == "Grocery")
        .select("customer_id")
        .distinct()
    ),
)


@pytest.mark.parametrize(
    "scorer",
    [
        *(PurchaseNextWeek, PurchaseNextDay, PurchaseNextHour, Activation, CouponRedemption),
        "a target of staff",
    ],
)
def test_they_conform(scorer):
    scorer_class = Targets.member(GROCERY) if isinstance(scorer, str) else scorer
    check_scorer(scorer_class, config=PropensityConfig(trees=10), rows=80)


def test_the_built_in_ones_wait_to_be_switched_on():
    keys = ["activation.first_order", "coupon.redemption", "purchase.next_day"]
    others = ["purchase.next_week", "purchase.next_hour"]
    assert all(scorers.get(key).opt_in for key in keys + others)


def test_a_member_is_what_the_target_says():
    member = Targets.member(GROCERY)
    assert (member.key, member.label, member.horizon_days) == (
        *("propensity.grocery", "Buys groceries", 14),
    )
    assert member().report()["target"] == "A customer who bought from Grocery."


def test_activation_is_about_who_is_known_and_never_ordered():
    tables = MemoryTables(
        as_of=AT,
        customers=[
            {"id": 1, "created_at": AT - DAY},  # Registered, no order.
            {"id": 2, "created_at": AT - DAY},  # Ordered.
            {"id": 3, "created_at": AT + DAY},  # Registered later.
            {"id": 4, "created_at": AT + DAY},  # Seen before.
        ],
        events=[{"customer_id": 4, "name": "Product Viewed", "occurred_at": AT - DAY}],
        orders=[{"customer_id": 2, "occurred_at": AT - DAY}],
    )
    found = tables.execute(Activation().population(tables))
    assert sorted(found["customer_id"].to_pylist()) == [1, 4]


def test_a_coupon_is_open_until_it_is_redeemed_or_has_run_out():
    def event(customer, name, coupon, days, **more):
        return {
            "customer_id": customer,
            "name": name,
            "source": "engine",
            "occurred_at": AT - days * DAY,
            "properties": f'{{"coupon_id": {coupon}{more.get("json", "")}}}',
        }

    tables = MemoryTables(
        as_of=AT,
        events=[
            event(1, "Coupon Issued", 10, 5, json=', "expires_at": "2026-01-20T00:00:00+00:00"'),
            event(2, "Coupon Issued", 20, 5, json=', "expires_at": "2025-12-30T00:00:00+00:00"'),
            event(3, "Coupon Issued", 30, 5),
            event(3, "Coupon Redeemed", 30, 2),
            event(4, "Coupon Issued", 40, 5),
            event(4, "Coupon Redeemed", 99, 2),
            event(5, "Coupon Issued", 50, 91),
        ],
    )
    found = tables.execute(CouponRedemption().population(tables))
    assert sorted(found["customer_id"].to_pylist()) == [1, 4]


def test_the_past_is_asked_window_by_window():
    ages = {1: [1, 8, 9], 2: [15], 3: [500]}
    orders = [
        {"customer_id": customer, "occurred_at": AT - days * DAY}
        for customer, found in ages.items()
        for days in found
    ]
    tables = MemoryTables(as_of=AT, orders=orders)
    found = tables.execute(past(tables, PurchaseNextWeek().came_true, horizon_days=7)).to_pylist()
    assert sorted(found, key=lambda row: row["customer_id"]) == [
        {"customer_id": 1, "past_windows_true": 2, "past_windows_since": 1, "known_days": 9.0},
        {"customer_id": 2, "past_windows_true": 1, "past_windows_since": 3, "known_days": 15.0},
        {
            "customer_id": 3,
            "past_windows_true": None,
            "past_windows_since": None,
            "known_days": 500.0,
        },
    ]


@pytest.mark.parametrize(("days", "windows"), [(1, 8), (7, 8), (30, 4), (60, 3), (365, 3)])
def test_it_looks_back_as_far_as_makes_sense(days, windows):
    assert windows_for(days) == windows


@pytest.mark.parametrize(
    ("days", "windows"), [(1, 7), (2, 4), (6, 2), (7, 4), (10, 3), (27, 2), (28, 1), (365, 1)]
)
def test_short_horizons_are_judged_on_a_week_or_four(days, windows):
    member = Targets.member(replace(GROCERY, horizon_days=days))
    assert windows_judged(days) == windows
    assert (member.judged_count, member.judged_step_days) == (windows, days)


def test_what_happens_later_moves_no_feature():
    shop = shop_tables()
    known = shop.window(shop.as_of - 3_650 * DAY, shop.as_of - 30 * DAY)
    scorer = Targets.member(GROCERY)()
    features = [
        tables.execute(scorer.own_features(tables).order_by("customer_id"))
        for tables in (known, known.without_future())
    ]
    assert features[0].equals(features[1])
    assert features[0].num_rows > 30
