"""No feature sees what happens at its point in time or later."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from lifecycle_engine.warehouse.features import features_frame, features_frames, features_known
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
EVENTS = (
    "Campaign Received",
    "Coupon Issued",
    "Coupon Redeemed",
    "Email Sent",
    "Product Viewed",
)
HISTORY = {
    "customers": [customer(1)],
    "orders": [
        order(1, AS_OF - timedelta(days=days), number=number)
        for number, days in enumerate((300, 100, 80, 61, 40, 35, 20, 13, 6), 1)
    ],
    "order_lines": [line(1, AS_OF - timedelta(days=days)) for days in (100, 50, 6)],
    "events": [
        event(1, AS_OF - timedelta(days=days), name) for days in (99, 29, 5) for name in EVENTS
    ],
}


def planted(*moments: Any) -> dict[str, list[dict[str, Any]]]:
    """The history and, at each moment, something that no feature could overlook."""
    loud = {
        "orders": {
            "value": 999.0,
            "discount": 500.0,
            "coupon_discount": 400.0,
            "lines": 99,
            "quantity": 99.0,
            "store": "new",
        },
        "order_lines": {
            "sku": "new",
            "value": 99.0,
            "discount": 9.0,
            "department": "new",
            "category": "new",
        },
    }
    return {
        "customers": HISTORY["customers"],
        "orders": HISTORY["orders"]
        + [order(1, at, number=100 + i, **loud["orders"]) for i, at in enumerate(moments)],
        "order_lines": HISTORY["order_lines"]
        + [line(1, at, **loud["order_lines"]) for at in moments],
        "events": HISTORY["events"] + [event(1, at, name) for at in moments for name in EVENTS],
    }


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> dict[str, pa.Table]:
    """All features over the history, with loud rows after it, and with the same rows within it."""
    microsecond = timedelta(microseconds=1)
    found = {}
    for name, rows in {
        "history": HISTORY,
        "after": planted(AS_OF, AS_OF + microsecond, AS_OF + timedelta(days=200)),
        # A Sunday at noon, a week without orders, and long before the first order.
        "before": planted(*(AS_OF - timedelta(days=days) for days in (4.5, 46, 520))),
    }.items():
        with row_tables(tmp_path_factory.mktemp(name), **rows) as tables:
            found[name] = features_frame(names=NAMES, as_of=AS_OF, tables=tables)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_after_moves_no_feature(name, frames):
    assert same(frames["after"][name][0].as_py(), frames["history"][name][0].as_py())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_before_moves_every_feature(name, frames):
    assert not same(frames["before"][name][0].as_py(), frames["history"][name][0].as_py())


@pytest.fixture(scope="module")
def moments(tmp_path_factory) -> tuple[pa.Table, dict[Any, pa.Table]]:
    """All features as of three moments, computed together and one by one."""
    wanted = [AS_OF - timedelta(days=200), AS_OF, AS_OF - timedelta(days=37)]
    rows = planted(AS_OF - timedelta(days=38), AS_OF, AS_OF + timedelta(days=1))
    with row_tables(tmp_path_factory.mktemp("moments"), **rows) as tables:
        together = features_frames(names=NAMES, moments=wanted, tables=tables)
        alone = {
            moment: features_frame(names=NAMES, as_of=moment, tables=tables) for moment in wanted
        }
    return together, alone


@pytest.mark.parametrize("name", NAMES)
def test_many_moments_at_once_are_each_moment_alone(name, moments):
    together, alone = moments

    assert together["as_of"].to_pylist() == sorted(alone)
    for row in together.to_pylist():
        assert same(row[name], alone[row["as_of"]][name][0].as_py()), row["as_of"]
