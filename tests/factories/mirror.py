"""Orders in the log, and what the columnar copy holds of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle_engine.events.models import Event
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.warehouse.session import warehouse_session

NOW = datetime(2017, 12, 1, tzinfo=UTC)
END = datetime(2030, 1, 1, tzinfo=UTC)


def order(number: int, *, at: datetime = NOW, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": f"order-{number}",
        "userId": f"customer-{number % 7}",
        "event": "Order Completed",
        "timestamp": at.isoformat(),
        "properties": {"order_id": str(number), "total": 3.5, "products": [{"sku": "a"}]}
        | properties,
    }


def ingest(*items: dict[str, Any]) -> None:
    result = events_ingest(source="shop", items=items, received_at=NOW)
    assert (result.accepted, result.rejected) == (len(items), [])


def orders_in_the_log(count: int, *, first: int = 0) -> None:
    ingest(
        *(order(number, at=NOW - timedelta(days=number)) for number in range(first, first + count))
    )


def copied(name: str) -> list[dict[str, Any]]:
    with warehouse_session(as_of=END) as tables:
        return tables.execute(tables[name]).to_pylist()


def assert_copy_equals_log() -> None:
    log = Counter(str(pk) for pk in Event.objects.values_list("pk", flat=True))
    assert Counter(row["id"] for row in copied("events")) == log
    assert Counter(row["event_id"] for row in copied("orders")) == log
    assert Counter(row["event_id"] for row in copied("order_lines")) == log
