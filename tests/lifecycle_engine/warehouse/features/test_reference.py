"""Features agree with a plain reading of their descriptions."""

import math
import statistics
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecycle_engine.warehouse.features import features_frame
from tests.factories.warehouse import (
    AS_OF,
    customer,
    line,
    order,
    row_tables,
    same,
)

NAMES = [
    "recency_days",
    "tenure_days",
    "orders_total",
    "orders_30d",
    "revenue_90d",
    "orders_trend",
    "basket_value_mean_90d",
    "basket_value_last",
    "discount_share_90d",
    "coupon_orders_90d",
    "stores_90d",
    "active_weeks_12",
    "weekend_share_90d",
    "gap_days_mean",
    "gap_days_median",
    "gap_days_std",
    "gap_days_cv",
    "clumpiness_365d",
    "recency_over_gap",
    "orders_slope_12w",
    "night_share_90d",
    "favourite_hour_share_365d",
    "q4_revenue_share_365d",
    "departments_90d",
    "products_90d",
    "repeat_products_share_365d",
    "favourite_department_share_365d",
    "category_entropy_365d",
]

# Around the edges of the windows as often as anywhere.
seconds_ago = st.one_of(
    st.integers(-3 * 86_400, 200 * 86_400),
    st.builds(
        lambda days, off: days * 86_400 + off,
        st.sampled_from([0, 7, 14, 30, 60, 84, 90]),
        st.integers(-1, 1),
    ),
)
moments = seconds_ago.map(lambda seconds: AS_OF - timedelta(seconds=seconds))
money = st.integers(0, 10_000).map(lambda cents: cents / 100)
orders_made = st.lists(
    st.tuples(st.integers(1, 3), moments, money, money, money, st.sampled_from("AB")), max_size=15
)
lines_made = st.lists(
    st.tuples(
        st.integers(1, 3),
        moments,
        st.sampled_from("abc"),
        st.sampled_from(["D", "E", None]),
        st.sampled_from(["C", "F", "G"]),
    ),
    max_size=10,
)


def quotient(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def clumpiness(ages: list[float]) -> float:
    """Of the moments of a year that lie so many days before its end."""
    if not ages:
        return math.nan
    cuts = [0.0, *sorted(ages), 365.0]
    pieces = [(b - a) / 365 for a, b in pairwise(cuts)]
    entropy = -sum(piece * math.log(piece) for piece in pieces if piece > 0)
    return 1 - entropy / math.log(len(ages) + 1)


def slope(numbers: list[int]) -> float:
    """Of the straight line through the numbers."""
    return statistics.linear_regression(range(len(numbers)), numbers).slope


def entropy(kinds: list[str]) -> float:
    parts = [count / len(kinds) for count in Counter(kinds).values()]
    return -sum(part * math.log(part) for part in parts) if kinds else math.nan


def favourite_share(kinds: list[Any]) -> float:
    return quotient(max(Counter(kinds).values(), default=0), len(kinds))


def expected(orders: list[dict[str, Any]], lines: list[dict[str, Any]]) -> dict[str, float]:
    """One customer's features, read off their orders and lines one by one."""
    orders = sorted(
        (row for row in orders if row["occurred_at"] < AS_OF),
        key=lambda row: (row["occurred_at"], row["event_id"]),
    )
    times = [row["occurred_at"] for row in orders]

    def days(since: datetime) -> float:
        return (AS_OF - since).total_seconds() / 86_400

    def recent(rows: list[dict[str, Any]], length: int) -> list[dict[str, Any]]:
        return [row for row in rows if 0 < days(row["occurred_at"]) <= length]

    last90 = recent(orders, 90)
    now, both = len(recent(orders, 30)), len(recent(orders, 60))
    gaps = [days(a) - days(b) for a, b in pairwise(times)]
    mean_gap = statistics.mean(gaps) if gaps else math.nan
    year, year_lines = recent(orders, 365), recent(lines, 365)
    departments = [row["department"] for row in year_lines if row["department"]]
    back = Counter(math.ceil(days(row["occurred_at"]) / 7) for row in recent(orders, 84))
    bought = {
        sku: {row["occurred_at"] for row in year_lines if row["sku"] == sku}
        for sku in {row["sku"] for row in year_lines}
    }
    deviation = statistics.stdev(gaps) if len(gaps) > 1 else math.nan
    revenue, discount = (sum(row[key] for row in last90) for key in ("value", "discount"))
    return {
        "recency_days": days(times[-1]) if times else math.nan,
        "tenure_days": days(times[0]) if times else math.nan,
        "orders_total": len(orders),
        "orders_30d": now,
        "revenue_90d": revenue,
        "orders_trend": quotient(now - (both - now), both),
        "basket_value_mean_90d": quotient(revenue, len(last90)),
        "basket_value_last": orders[-1]["value"] if orders else math.nan,
        "discount_share_90d": quotient(discount, discount + revenue),
        "coupon_orders_90d": sum(row["coupon_discount"] > 0 for row in last90),
        "stores_90d": len({row["store"] for row in last90}),
        "active_weeks_12": len(
            {math.ceil(days(row["occurred_at"]) / 7) for row in recent(orders, 84)}
        ),
        "weekend_share_90d": quotient(
            sum(row["occurred_at"].weekday() >= 5 for row in last90), len(last90)
        ),
        "gap_days_mean": mean_gap,
        "gap_days_median": statistics.median(gaps) if gaps else math.nan,
        "gap_days_std": deviation,
        "gap_days_cv": quotient(deviation, mean_gap),
        "clumpiness_365d": clumpiness([days(row["occurred_at"]) for row in year]),
        "orders_slope_12w": slope([back[week] for week in range(12, 0, -1)]),
        "night_share_90d": quotient(
            sum(row["occurred_at"].hour < 6 for row in last90), len(last90)
        ),
        "favourite_hour_share_365d": favourite_share([row["occurred_at"].hour for row in year]),
        "q4_revenue_share_365d": quotient(
            sum(row["value"] for row in year if row["occurred_at"].month >= 10),
            sum(row["value"] for row in year),
        ),
        "recency_over_gap": quotient(days(times[-1]), max(mean_gap, 1)) if gaps else math.nan,
        "departments_90d": len({row["department"] for row in recent(lines, 90)} - {None}),
        "products_90d": len({row["sku"] for row in recent(lines, 90)}),
        "repeat_products_share_365d": quotient(
            sum(len(times) > 1 for times in bought.values()), len(bought)
        ),
        "favourite_department_share_365d": favourite_share(departments),
        "category_entropy_365d": entropy([row["category"] for row in year_lines]),
    }


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=orders_made, contained=lines_made)
def test_features_are_what_they_say(made, contained, tmp_path):
    orders = [
        order(who, at, number=i, value=value, discount=off, coupon_discount=coupon, store=store)
        for i, (who, at, value, off, coupon, store) in enumerate(made)
    ]
    lines = [
        line(who, at, sku=sku, department=department, category=category)
        for who, at, sku, department, category in contained
    ]
    customers = [customer(number) for number in (1, 2, 3)]

    with row_tables(tmp_path, customers=customers, orders=orders, order_lines=lines) as tables:
        found = features_frame(names=NAMES, as_of=AS_OF, tables=tables).to_pylist()

    for row in found:
        right = expected(
            [o for o in orders if o["customer_id"] == row["customer_id"]],
            [o for o in lines if o["customer_id"] == row["customer_id"]],
        )
        wrong = {
            name: (row[name], right[name]) for name in NAMES if not same(row[name], right[name])
        }
        assert wrong == {}
    assert [row["customer_id"] for row in found] == [1, 2, 3]
