"""Loading the data through the same services that the API calls."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from lifecycle_engine.config.demo import SOURCE
from lifecycle_engine.config.demo.dataset import Dataset
from lifecycle_engine.config.demo.progress import Bar
from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.customers.consents import ConsentRow, consents_record
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.catalogue import products_upsert
from lifecycle_engine.events.items import Document
from lifecycle_engine.events.rows import ProductRow
from lifecycle_engine.events.services import events_ingest

_LOADERS = 2
_MIRROR_SECONDS = 10


class DemoDataError(Exception):
    """The engine refused something of the demo's data: that is a mistake in the demo."""


def catalogue_load(bar: Bar) -> None:
    """Put the products into the catalogue."""
    dataset = Dataset()
    total, done = dataset.product_count(), 0
    for piece in dataset.products():
        _none_rejected(products_upsert(rows=[_product(row) for row in piece]).rejected)
        done += len(piece)
        bar.to(done, total)
    bar.figures.update(rows=done)


def events_load(bar: Bar, *, start: datetime, end: datetime) -> None:
    """Ingest a window's customers, their consents, and everything they did."""
    dataset = Dataset()
    total = dataset.event_count(start=start, end=end)
    customers = dataset.customers(start=start, end=end)
    _ingest(customers)
    _consents_load(dataset.consents(start=start, end=end))
    done, mirror_at = 0, 0.0
    for loaded in _side_by_side(_ingest_in_thread, dataset.events(start=start, end=end)):
        done += loaded
        bar.to(done, total)
        if time.monotonic() >= mirror_at:
            # The columnar copy follows while the log grows; many small batches take more work.
            enqueue("warehouse.mirror")
            mirror_at = time.monotonic() + _MIRROR_SECONDS
    bar.figures.update(customers=len(customers), rows=done)


def _side_by_side(
    work: Callable[[Sequence[Document]], int], pieces: Iterable[Sequence[Document]]
) -> Iterator[int]:
    """Do the pieces two at a time: while the database takes one in, the next one is prepared."""
    with ThreadPoolExecutor(_LOADERS) as pool:
        under_way: deque[Future[int]] = deque()
        for piece in pieces:
            if len(under_way) == _LOADERS:
                yield under_way.popleft().result()
            under_way.append(pool.submit(work, piece))
        while under_way:
            yield under_way.popleft().result()


def _ingest(items: Sequence[Document]) -> int:
    result = events_ingest(source=SOURCE, items=items, received_at=timezone.now())
    _none_rejected(result.rejected)
    return len(items)


def _ingest_in_thread(items: Sequence[Document]) -> int:
    try:
        return _ingest(items)
    finally:
        connection.close()  # The thread's own; nobody else would.


def _consents_load(consents: Sequence[dict[str, Any]]) -> None:
    numbers = {consent["userId"] for consent in consents}
    found = Customer.objects.filter(external_id__in=numbers).values_list("external_id", "pk")
    ids = dict(found.iterator())
    rows = [
        ConsentRow(
            customer_id=ids[consent["userId"]],
            channel=consent["channel"],
            purpose=consent["purpose"],
            granted=consent["granted"],
            source="demo: made up",
            recorded_at=consent["at"].replace(tzinfo=UTC),
        )
        for consent in consents
    ]
    _none_rejected(consents_record(rows=rows).rejected)


def _product(row: dict[str, Any]) -> ProductRow:
    price = None if row["price"] is None else Decimal(f"{row['price']:.2f}")
    return ProductRow(**{**row, "price": price, "currency": "USD"})


def _none_rejected(rejected: Sequence[object]) -> None:
    if rejected:
        raise DemoDataError(f"{len(rejected)} items were refused, the first one: {rejected[0]}")
