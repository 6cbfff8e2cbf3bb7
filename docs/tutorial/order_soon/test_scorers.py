"""Who orders within a week."""

from datetime import UTC, datetime

from lifecycle_engine.sdk.testing.scorers import check_scorer
from lifecycle_engine.sdk.testing.tables import MemoryTables
from plugins.order_soon.scorers import OrderSoon

YESTERDAY = datetime(2017, 11, 30, tzinfo=UTC)
TODAY = datetime(2017, 12, 1, tzinfo=UTC)
TOMORROW = datetime(2017, 12, 2, tzinfo=UTC)
NEXT_WEEK = datetime(2017, 12, 8, tzinfo=UTC)


def test_keeps_the_promises_of_a_scorer():
    check_scorer(OrderSoon)


def test_only_an_order_within_the_week_counts():
    tables = MemoryTables(
        as_of=NEXT_WEEK,
        orders=[
            {"customer_id": 1, "occurred_at": YESTERDAY},
            {"customer_id": 2, "occurred_at": TOMORROW},
            {"customer_id": 3, "occurred_at": NEXT_WEEK},
        ],
    )
    outcome = OrderSoon().outcome(tables.window(TODAY, NEXT_WEEK))
    assert tables.execute(outcome).to_pylist() == [{"customer_id": 2, "target": 1.0}]
