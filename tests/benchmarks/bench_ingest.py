"""How fast events are taken in, beside a bare COPY of the same rows into the same tables.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench``, or ``pytest tests/benchmarks/bench_ingest.py -s``
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import transaction

from lifecycle_engine.customers.services import customers_resolve
from lifecycle_engine.events.items import item_read
from lifecycle_engine.events.log import log_write, receipts_take
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.events.rows import LogRow
from lifecycle_engine.events.services import events_ingest

BATCH = 5_000
BATCHES = 10
CUSTOMERS = 2_500
RECEIVED_AT = datetime(2017, 12, 1, tzinfo=UTC)


def _small(number: int) -> dict[str, Any]:
    return {
        "event": "Product Viewed",
        "properties": {"product_id": str(number % 999), "value": 3.5},
    }


def _order(number: int) -> dict[str, Any]:
    line = {"quantity": 2, "price": 3.99, "value": 7.98, "discount": 0.5, "department": "GROCERY"}
    products = [
        {"product_id": str(number % 9999 + k), "category": "FLUID MILK PRODUCTS", **line}
        for k in range(10)
    ]
    return {
        "event": "Order Completed",
        "properties": {
            "order_id": str(number), "total": 79.8, "currency": "USD", "products": products
        },
    }  # fmt: skip


def _batches(prefix: str, make: Any) -> Iterator[list[dict[str, Any]]]:
    start = RECEIVED_AT - timedelta(days=364)
    for batch in range(BATCHES):
        yield [
            {
                "type": "track",
                "messageId": f"{prefix}-{number}",
                "userId": str(number % CUSTOMERS),
                "timestamp": (start + timedelta(minutes=10 * number)).isoformat(),
                **make(number),
            }
            for number in range(batch * BATCH, (batch + 1) * BATCH)
        ]


def _row(item: dict[str, Any], customer_id: int) -> LogRow:
    read = item_read(item, received_at=RECEIVED_AT)
    return LogRow(
        customer_id, read.message_id, read.name, read.properties, read.value, read.currency,
        read.product_sku, read.category, read.campaign, read.occurred_at,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [_small, _order])
def test_ingest_speed(make: Any) -> None:
    size = len(msgspec.json.encode(next(_batches("x", make))[0]))
    users = [str(number) for number in range(CUSTOMERS)]
    ids = customers_resolve(names=[(user, None) for user in users]).by_user_id
    partitions_ensure(months=[RECEIVED_AT - timedelta(days=28 * month) for month in range(14)])
    seconds = {"ingest": 0.0, "bare COPY": 0.0}
    # Taking turns, so that whatever else the machine does slows both alike.
    for ours, theirs in zip(_batches("ours", make), _batches("bare", make), strict=True):
        rows = [_row(item, ids[item["userId"]]) for item in theirs]
        began = time.perf_counter()
        with transaction.atomic():
            receipts_take(source="bare", message_ids=[row.message_id for row in rows])
            log_write(source="bare", rows=rows, received_at=RECEIVED_AT)
        turned = time.perf_counter()
        result = events_ingest(source="ours", items=ours, received_at=RECEIVED_AT)
        seconds["bare COPY"] += turned - began
        seconds["ingest"] += time.perf_counter() - turned
        assert result.accepted == BATCH
    rates = {name: BATCH * BATCHES / spent for name, spent in seconds.items()}
    sys.stdout.write(
        f"\n{make.__name__.strip('_')} events of {size} bytes: "
        + ", ".join(f"{name} {rate:,.0f} rows/s" for name, rate in rates.items())
        + f", ratio {rates['ingest'] / rates['bare COPY']:.2f}\n"
    )
