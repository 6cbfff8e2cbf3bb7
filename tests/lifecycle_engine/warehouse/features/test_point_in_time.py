"""No feature sees what happens at its point in time or later."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecycle_engine.warehouse.features import (
    Feature,
    features_frame,
    features_frames,
    features_known,
    registry,
)
from lifecycle_engine.warehouse.features import frame as frame_module
from lifecycle_engine.warehouse.features.registry import FeatureLeakageError
from lifecycle_engine.warehouse.features.windows import epoch, within
from tests.factories.warehouse import (
    AS_OF,
    customer,
    event,
    line,
    order,
    row_tables,
    same,
)

NAMES = [feature.name for feature in features_known()]
# How often each is planted differs, so that no quotient of two of them can stay as it was.
EVENTS = {
    "Campaign Received": 1,
    "Coupon Issued": 2,
    "Coupon Redeemed": 1,
    "Email Sent": 1,
    "Email Opened": 3,
    "Email Link Clicked": 2,
    "SMS Sent": 1,
    "SMS Link Clicked": 2,
    "Unsubscribed": 1,
    "Consent Withdrawn": 1,
    "Product Viewed": 3,
    "Product Added": 1,
    "Product List Viewed": 1,
    "Products Searched": 1,
    "Order Completed": 1,
    "Order Refunded": 2,
    "Order Cancelled": 1,
}
Rows = dict[str, list[dict[str, Any]]]
HISTORY: Rows = {
    "customers": [customer(1)],
    "orders": [
        order(1, AS_OF - timedelta(days=days), number=number)
        for number, days in enumerate((300, 100, 80, 61, 40, 35, 20, 13, 6), 1)
    ],
    "order_lines": [
        line(1, AS_OF - timedelta(days=days), sku=sku)
        for days, sku in ((100, "a"), (50, "a"), (6, "b"))
    ],
    "events": [
        event(1, AS_OF - timedelta(days=days), name, value=10.0, source="engine")
        for days in (99, 29, 5)
        for name in EVENTS
    ],
}


def loud(moments: Sequence[datetime]) -> Rows:
    """At each moment something of every kind that no feature could overlook."""
    many = {"lines": 99, "quantity": 99.0, "store": "new"}
    money = {"value": 999.0, "discount": 500.0, "coupon_discount": 400.0}
    new = {"sku": "new", "department": "new", "category": "new", "value": 99.0, "discount": 9.0}
    return {
        "orders": [
            order(1, at, number=100 + number, **many, **money) for number, at in enumerate(moments)
        ],
        "order_lines": [line(1, at, **new) for at in moments for _ in range(4)],
        "events": [
            event(1, at, name, value=99.0, source="engine")
            for at in moments
            for name, times in EVENTS.items()
            for _ in range(times)
        ],
    }


def together(*parts: Mapping[str, list[dict[str, Any]]]) -> Rows:
    return {name: [row for rows in parts for row in rows.get(name, [])] for name in HISTORY}


def computed(folder: Path, rows: Rows) -> pa.Table:
    with row_tables(folder, **rows) as tables:
        return features_frame(names=NAMES, as_of=AS_OF, tables=tables)


def moved(left: pa.Table, right: pa.Table) -> set[str]:
    return {name for name in NAMES if not same(left[name][0].as_py(), right[name][0].as_py())}


MICROSECOND = timedelta(microseconds=1)
AFTER = loud([AS_OF, AS_OF + MICROSECOND, AS_OF + timedelta(days=9.6), AS_OF + timedelta(days=300)])
# A Sunday at noon, a week without orders, long before the first order, and a year ago.
BEFORE = loud([AS_OF - timedelta(days=days) for days in (4.5, 46, 350, 600)])


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> pa.Table:
    return computed(tmp_path_factory.mktemp("history"), HISTORY)


@pytest.fixture(scope="module")
def after(tmp_path_factory) -> pa.Table:
    """With loud rows after the moment, and a customer who has changed since."""
    changed = {**HISTORY["customers"][0], "country": "DE", "attributes": '{"loyal": true}'}
    rows = together(HISTORY, AFTER) | {"customers": [changed]}
    return computed(tmp_path_factory.mktemp("after"), rows)


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> pa.Table:
    return computed(tmp_path_factory.mktemp("before"), together(HISTORY, BEFORE))


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_after_moves_no_feature(name, after, history):
    assert same(after[name][0].as_py(), history[name][0].as_py())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_before_moves_every_feature(name, before, history):
    assert not same(before[name][0].as_py(), history[name][0].as_py())


# From a microsecond after the moment to two years, and the moment itself.
later = st.integers(0, 2 * 365 * 86_400 * 10**6).map(
    lambda microseconds: AS_OF + microseconds * MICROSECOND
)
earlier = st.integers(1, 2 * 365 * 86_400 * 10**6).map(
    lambda microseconds: AS_OF - microseconds * MICROSECOND
)


@settings(
    max_examples=5,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(past=st.lists(earlier, max_size=5), future=st.lists(later, min_size=1, max_size=5))
def test_no_future_moves_any_past(past, future, tmp_path):
    rows = together(HISTORY, loud(past))

    assert not moved(computed(tmp_path, rows), computed(tmp_path, together(rows, loud(future))))


def test_without_the_bound_the_future_would_be_noticed(history, tmp_path, monkeypatch):
    def unbounded(rows: ir.Table, moment: datetime, days: int | None) -> ir.Table:
        age = moment.timestamp() - epoch(rows.occurred_at)
        return rows.mutate(as_of=ibis.literal(moment, "timestamp('UTC')"), age_seconds=age)

    monkeypatch.setattr(frame_module, "_before", unbounded)

    # What looks only at the oldest rows is not moved by younger ones, with the bound or without.
    assert moved(history, computed(tmp_path, together(HISTORY, AFTER))) >= set(NAMES) - {
        "tenure_days",
        "season_orders_last_year",
    }


def _another_tables_sum(tables: Any) -> Callable[[ir.Table], ir.Scalar]:
    return lambda orders: orders.value.sum() + tables.orders.value.sum().as_scalar()


def _another_tables_column(tables: Any) -> Callable[[ir.Table], ir.Scalar]:
    return lambda orders: tables.orders.value.sum()


def _another_tables_rows(tables: Any) -> Callable[[ir.Table], ir.Scalar]:
    return lambda orders: orders.count(where=orders.event_id.isin(tables.orders.event_id))


def _the_clock(tables: Any) -> Callable[[ir.Table], ir.Scalar]:
    return lambda orders: orders.count(where=orders.occurred_at < ibis.now())


@pytest.mark.parametrize(
    "cheat", [_another_tables_sum, _another_tables_column, _another_tables_rows, _the_clock]
)
def test_feature_that_reads_more_than_its_rows_is_refused(cheat, tmp_path, monkeypatch):
    with row_tables(tmp_path, **together(HISTORY, AFTER)) as tables:
        found = Feature("cheat", "orders", "money", None, 0.0, "It cheats.", cheat(tables))
        monkeypatch.setitem(registry._features, "cheat", found)

        with pytest.raises(FeatureLeakageError, match="'cheat' reads more than the rows of 'ord"):
            features_frame(names=["orders_total", "cheat"], as_of=AS_OF, tables=tables)


def test_window_that_begins_after_the_moment_is_empty(tmp_path, monkeypatch):
    def ahead(orders: ir.Table) -> ir.Scalar:
        return orders.count(where=within(orders, 30, ago=-30))

    found = Feature("ahead", "orders", "orders", None, 0.0, "The next 30 days.", ahead)
    monkeypatch.setitem(registry._features, "ahead", found)
    with row_tables(tmp_path, **together(HISTORY, AFTER)) as tables:
        frame = features_frame(names=["ahead"], as_of=AS_OF, tables=tables)

    assert frame["ahead"].to_pylist() == [0.0]


@pytest.fixture(scope="module")
def moments(tmp_path_factory) -> tuple[pa.Table, dict[Any, pa.Table]]:
    """All features as of three moments, computed together and one by one."""
    wanted = [AS_OF - timedelta(days=200), AS_OF, AS_OF - timedelta(days=37)]
    rows = together(HISTORY, loud([AS_OF - timedelta(days=38), AS_OF, AS_OF + timedelta(days=1)]))
    with row_tables(tmp_path_factory.mktemp("moments"), **rows) as tables:
        at_once = features_frames(names=NAMES, moments=wanted, tables=tables)
        alone = {
            moment: features_frame(names=NAMES, as_of=moment, tables=tables) for moment in wanted
        }
    return at_once, alone


@pytest.mark.parametrize("name", NAMES)
def test_many_moments_at_once_are_each_moment_alone(name, moments):
    at_once, alone = moments

    assert at_once["as_of"].to_pylist() == sorted(alone)
    for row in at_once.to_pylist():
        assert same(row[name], alone[row["as_of"]][name][0].as_py()), row["as_of"]
