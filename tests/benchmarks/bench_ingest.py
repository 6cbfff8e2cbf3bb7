"""How fast events are taken in, beside a bare COPY and upsert of the same rows.

Once by the service alone, and once by the tracking API: a real web server, four connections, 100
events a request, everything on the machine's own cores, the latency measured at half that rate.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench-ingest``, or ``pytest tests/benchmarks/bench_ingest.py -s``
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.db import transaction

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.services import customers_resolve
from lifecycle_engine.events.items import Item, item_read
from lifecycle_engine.events.log import log_write, receipts_take
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.events.rows import LogRow
from lifecycle_engine.events.services import events_ingest
from tests.site import Site

BATCH = 5_000
BATCHES = 20
#: For the web server: threads open their connections and customers are made in the first second.
SENT_BATCHES = 100
WARM_REQUESTS = 200
CUSTOMERS = 2_500
CONNECTIONS = 4
#: How often web server and bare COPY take turns. Each turn opens connections, and how these fall to
#: the web server's processes is luck, which matters: so there are many turns.
TURNS = 10
REQUEST_EVENTS = 100
RECEIVED_AT = datetime(2017, 12, 1, tzinfo=UTC)


def _small(number: int) -> dict[str, Any]:
    return {
        "event": "Product Viewed",
        "properties": {"product_id": str(number % 999), "value": number % 999 / 100},
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


def _batches(prefix: str, make: Any, count: int = BATCHES) -> Iterator[list[dict[str, Any]]]:
    start = RECEIVED_AT - timedelta(days=364)
    minutes = 500_000 / (BATCH * count)  # Together most of the year.
    for batch in range(count):
        yield [
            {
                "type": "track",
                "messageId": f"{prefix}-{number}",
                "userId": str(number % CUSTOMERS),
                "timestamp": (start + timedelta(minutes=minutes * number)).isoformat(),
                **make(number),
            }
            for number in range(batch * BATCH, (batch + 1) * BATCH)
        ]


def _read(items: list[dict[str, Any]]) -> list[Item]:
    return [item_read(item, received_at=RECEIVED_AT) for item in items]


def _bare_write(items: list[Item]) -> None:
    """What has to be done at the least: receipts and identifiers upserted, then COPY."""
    with transaction.atomic():
        receipts_take(source="bare", message_ids=[item.message_id for item in items])
        ids = customers_resolve(names=[(item.user_id, None) for item in items]).by_user_id
        log_write(
            LogRow(
                "bare", ids[item.user_id or ""], item.message_id, item.name, item.properties,
                item.value, item.currency, item.product_sku, item.category, item.campaign,
                item.occurred_at, RECEIVED_AT, item.original_timestamp, item.sent_at,
            )
            for item in items
        )  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [_small, _order])
def test_ingest_speed(make: Any) -> None:
    size = len(msgspec.json.encode(next(_batches("x", make))[0]))
    partitions_ensure(months=[RECEIVED_AT - timedelta(days=28 * month) for month in range(14)])
    seconds = {"ingest": 0.0, "bare COPY": 0.0}
    # Taking turns, so that whatever else the machine does slows both alike.
    for ours, theirs in zip(_batches("ours", make), _batches("bare", make), strict=True):
        read = _read(theirs)
        began = time.perf_counter()
        _bare_write(read)
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


@pytest.fixture
def site(database_copied: Any, tmp_path: Path) -> Iterator[tuple[Site, str]]:
    """A web server on a database of its own, and that database's URL."""
    key = api_key_create(name="bench", scopes=[Scope.EVENTS_WRITE], rate_limit=None)[1]
    months = [RECEIVED_AT - timedelta(days=28 * month) for month in range(14)]
    partitions_ensure(months=months)
    with database_copied("bench") as url:
        own = {"VAR": str(tmp_path), "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY}
        server = Site(os.environ | own)
        server.start()
        yield server, key
        server.kill()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [_small, _order])
def test_tracking_speed(make: Any, site: tuple[Site, str]) -> None:
    server, key = site
    bodies = [
        msgspec.json.encode({"batch": batch[at : at + REQUEST_EVENTS]})
        for batch in _batches("sent", make, SENT_BATCHES)
        for at in range(0, BATCH, REQUEST_EVENTS)
    ]
    _sent(server, key, bodies[:WARM_REQUESTS])
    prepared = [_read(batch) for batch in _batches("bare", make)]
    half = len(bodies) // 2
    seconds = {"sent": 0.0, "bare": 0.0}
    # Taking turns, so that whatever else the machine does slows both alike.
    for turn in range(TURNS):
        began = time.perf_counter()
        for batch in prepared[turn::TURNS]:
            _bare_write(batch)
        turned = time.perf_counter()
        _sent(server, key, bodies[WARM_REQUESTS + turn : half : TURNS])
        seconds["bare"] += turned - began
        seconds["sent"] += time.perf_counter() - turned
    bare = BATCH * BATCHES / seconds["bare"]
    rate = (half - WARM_REQUESTS) * REQUEST_EVENTS / seconds["sent"]
    latencies = _sent(server, key, bodies[half:], every=2 * REQUEST_EVENTS / rate)
    p99 = quantiles(latencies, n=100)[98] * 1000
    sys.stdout.write(
        f"\n{make.__name__.strip('_')} events by the tracking API: {rate:,.0f} events/s, "
        f"bare COPY {bare:,.0f} rows/s, ratio {rate / bare:.2f}; "
        f"p99 at half that rate {p99:.0f} ms\n"
    )


def _sent(server: Site, key: str, bodies: list[bytes], *, every: float = 0.0) -> list[float]:
    """Send the bodies over some connections; returns the seconds that each answer took.

    Args:
        server: where to.
        key: the API key.
        bodies: the requests.
        every: seconds from the start of one request to that of the next; at once where 0. A request
            that starts late counts from when it was due.
    """
    waiting = list(enumerate(_requests(key, reversed(bodies))))
    began = time.perf_counter()
    taken: list[float] = []

    def work() -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while waiting:
                try:
                    left, request = waiting.pop()
                except IndexError:
                    break
                due = began + (len(bodies) - 1 - left) * every
                time.sleep(max(0.0, due - time.perf_counter()))
                started = due if every else time.perf_counter()
                connection.sendall(request)
                _accepted(connection)
                taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(bodies)
    return taken


def _requests(key: str, bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Whole requests, made beforehand: the clients of a shop have cores of their own."""
    for body in bodies:
        head = (
            "POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _accepted(connection: socket.socket) -> None:
    """Read an answer, which has to say that all events were new and are committed."""
    answer = b""
    while not answer.endswith(b"}"):
        received = connection.recv(65_536)
        assert received, answer
        answer += received
    head, _, told = answer.partition(b"\r\n\r\n")
    accepted = msgspec.json.decode(told)["accepted"]
    assert (head[:12], accepted) == (b"HTTP/1.1 200", REQUEST_EVENTS), answer
