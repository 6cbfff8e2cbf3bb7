"""A made-up shop's history as the columnar copy holds it, for benchmarks: made once, then kept.

Two years of events of every kind that features look at, with orders and order lines as the mirror
reads them from the events. The same numbers give the same history.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lifecycle_engine.warehouse import schemas
from lifecycle_engine.warehouse.baskets import baskets_read
from lifecycle_engine.warehouse.delta import DeltaStore, batch_append
from lifecycle_engine.warehouse.engines.duckdb import DuckDBEngine
from lifecycle_engine.warehouse.session import LiveTables, SessionTables

#: Where histories are kept: ``BENCH_FOLDER``, or else a folder for what may be lost.
FOLDER = Path(
    os.environ.get("BENCH_FOLDER") or Path(tempfile.gettempdir(), "lifecycle-engine-bench")
)

START = datetime(2016, 1, 1, tzinfo=UTC)
#: A good moment to look back from: a month of the history is still to come.
AS_OF = datetime(2017, 12, 1, tzinfo=UTC)
MONTHS = 24

# Another number whenever what is made changes, so that nobody measures the old one.
_VERSION = 1
_PRODUCTS, _CATEGORIES, _DEPARTMENTS, _STORES = 20_000, 300, 30, 40
_LINES_MAX = 5

# Name, how many of a thousand events, and whether the engine itself recorded it.
_NAMES: tuple[tuple[str, int, bool], ...] = (
    ("Order Completed", 150, False),
    ("Product Viewed", 420, False),
    ("Product List Viewed", 90, False),
    ("Products Searched", 60, False),
    ("Product Added", 100, False),
    ("Campaign Received", 30, False),
    ("Coupon Issued", 15, True),
    ("Coupon Redeemed", 8, True),
    ("Email Sent", 70, True),
    ("Email Opened", 28, False),
    ("Email Link Clicked", 9, False),
    ("SMS Sent", 9, True),
    ("SMS Link Clicked", 2, False),
    ("Unsubscribed", 1, False),
    ("Consent Withdrawn", 1, True),
    ("Order Refunded", 5, False),
    ("Order Cancelled", 2, False),
)
_PRODUCT_NAMES = ("Product Viewed", "Product Added")
_VALUE_NAMES = ("Order Completed", "Order Refunded")

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """A history on disk.

    Attributes:
        store: the Delta tables ``events``, ``orders`` and ``order_lines``.
        customers_file: the customers, as the warehouse's table of that name, in Parquet.
    """

    store: DeltaStore
    customers_file: Path

    def customers(self) -> pa.Table:
        """The customers, with ids from 1 on in the order in which they came."""
        return pq.read_table(self.customers_file).cast(schemas.CUSTOMERS)

    @contextmanager
    def tables(
        self, *, customers: pa.Table, as_of: datetime = AS_OF, memory: str = "2GB"
    ) -> Iterator[SessionTables]:
        """The warehouse as a job opens it, with these customers in place of PostgreSQL's."""
        engine = DuckDBEngine(self.store, memory=memory)
        try:
            live = _Live(engine, customers)
            yield SessionTables(engine, start=None, as_of=as_of, live=live)
        finally:
            engine.close()


class _Live(LiveTables):
    """The customers alone, none of them merged."""

    merged_profiles = None

    def __init__(self, engine: DuckDBEngine, customers: pa.Table) -> None:
        super().__init__(engine)
        self._tables["customers"] = engine.live_table("customers", customers)


def history(*, customers: int, events: int) -> History:
    """The history of so many customers with so many events, made where there is none yet."""
    folder = FOLDER / f"history-{_VERSION}-{customers}-{events}"
    found = History(DeltaStore(folder), folder / "customers.parquet")
    if found.customers_file.exists():
        return found
    shutil.rmtree(folder, ignore_errors=True)
    people = _People(customers)
    for number, table in enumerate(_months(people, events), start=1):
        baskets = baskets_read(table)
        written = {"events": table, "orders": baskets.orders, "order_lines": baskets.order_lines}
        for name, rows in written.items():
            delta = found.store.create(name, schemas.LOG_TABLES[name], description="benchmark")
            batch_append(delta, rows, writer="benchmark", batch=number)
    # Last, since it says that all is there.
    pq.write_table(people.table(), found.customers_file)
    return found


class _People:
    """Who there is: a third from the start, the others over two years; half of them stop coming."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng([_VERSION, count])
        whole = timedelta(days=730).total_seconds()
        came = np.sort(np.maximum(0.0, rng.random(count) * 1.5 - 0.5)) * whole * 0.95
        self.came: Floats = came
        self.gone: Floats = came + rng.exponential(whole, count)
        # Few customers do most: the squared coefficient of variation is 2.
        self.activity: Floats = rng.gamma(0.5, size=count)

    def drawn(self, at: float, count: int, rng: np.random.Generator) -> Integers:
        """Customers for so many events of a month that begins at ``at``, by their activity."""
        there = (self.came <= at) & (at < self.gone)
        summed = np.cumsum(np.where(there, self.activity, 0.0))
        return np.searchsorted(summed, rng.random(count) * summed[-1], side="right")

    def table(self) -> pa.Table:
        count = len(self.came)
        numbers = np.arange(1, count + 1)
        text = pc.cast(pa.array(numbers), pa.string())
        columns = {field.name: pa.nulls(count, field.type) for field in schemas.CUSTOMERS}
        columns |= {
            "id": pa.array(numbers),
            "external_id": text,
            "email_hash": text,
            "phone_hash": _constant("", count),
            "language": _chosen(["en", "de", "zh"], numbers % 3),
            "time_zone": _constant("UTC", count),
            "country": _chosen(["US", "DE", "AT", "CN", "FR"], numbers % 5),
            "attributes": _chosen(['{"plan": "free"}', '{"plan": "plus"}', "{}"], numbers % 7 % 3),
            "created_at": _moments(START, self.came),
        }
        return pa.table(columns).cast(schemas.CUSTOMERS)


def _months(people: _People, events: int) -> Iterator[pa.Table]:
    """The events of each month, in the order of time."""
    bounds = [
        datetime(START.year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        for month in range(MONTHS + 1)
    ]
    whole = (bounds[-1] - START).total_seconds()
    made = 0
    for number in range(MONTHS):
        begins, ends = ((bound - START).total_seconds() for bound in bounds[number : number + 2])
        upto = events if number == MONTHS - 1 else int(events * ends / whole)
        rng = np.random.default_rng([_VERSION, events, number])
        yield _month(people, begins, ends, np.arange(made, upto), rng)
        made = upto


def _month(
    people: _People, begins: float, ends: float, numbers: Integers, rng: np.random.Generator
) -> pa.Table:
    count = len(numbers)
    weights = np.array([weight for _name, weight, _ours in _NAMES]) / 1_000
    kinds = rng.choice(len(_NAMES), count, p=weights)
    skus = _skus(count, rng)
    occurred = _moments(START, np.sort(rng.uniform(begins, ends, count)))
    names = [name for name, _weight, _ours in _NAMES]
    is_order = kinds == names.index("Order Completed")
    of_product = np.isin(kinds, [names.index(name) for name in _PRODUCT_NAMES])
    with_value = np.isin(kinds, [names.index(name) for name in _VALUE_NAMES])
    documents, totals = _orders(numbers[is_order], rng)
    values = np.round(rng.gamma(2.0, 15.0, count), 2)
    values[is_order] = totals
    sku = _masked(pc.cast(pa.array(skus), pa.string()), of_product)
    properties = pc.if_else(
        pa.array(of_product),
        pc.binary_join_element_wise('{"product_id": "', sku.fill_null(""), '"}', ""),
        pa.scalar("{}"),
    )
    return pa.table(
        {
            "id": pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), 12, "0"),
            "customer_id": pa.array(people.drawn(begins, count, rng) + 1),
            "source": _chosen(["shop", "engine"], np.array([int(o) for *_n, o in _NAMES])[kinds]),
            "name": _chosen(names, kinds),
            "properties": pc.replace_with_mask(properties, pa.array(is_order), documents),
            "value": _masked(pa.array(values), with_value),
            "currency": _masked(_constant("USD", count), with_value),
            "product_sku": sku,
            "category": _masked(_category(skus), of_product),
            "campaign": _masked(_chosen(["spring", "autumn"], kinds % 2), kinds == 5),
            "occurred_at": occurred,
            "received_at": occurred,
        }
    ).cast(schemas.EVENTS)


def _orders(numbers: Integers, rng: np.random.Generator) -> tuple[pa.Array, Floats]:
    """The properties of orders with these numbers as JSON, and what they come to."""
    lines = rng.integers(1, _LINES_MAX + 1, len(numbers))
    offsets = np.concatenate([[0], np.cumsum(lines)])
    count = int(offsets[-1])
    skus = _skus(count, rng)
    quantities = rng.choice([1, 2, 3], count, p=[0.8, 0.15, 0.05])
    prices = (skus * 7919 % 4_900 + 100) / 100
    discounts = np.where(rng.random(count) < 0.2, np.round(prices / 10, 2), 0.0)
    values = np.round(prices * quantities - discounts, 2)
    products = _joined(
        '{"product_id": "', pa.array(skus), '", "quantity": ', pa.array(quantities),
        ', "value": ', pa.array(values), ', "discount": ', pa.array(discounts),
        ', "department": "D', pa.array(skus % _DEPARTMENTS),
        '", "category": "', _category(skus), '"}',
    )  # fmt: skip
    listed = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), products)
    coupons = np.where(rng.random(len(numbers)) < 0.1, 5.0, 0.0)
    totals = np.round(np.add.reduceat(values, offsets[:-1]), 2)
    documents = _joined(
        '{"order_id": "', pa.array(numbers), '", "total": ', pa.array(totals),
        ', "coupon_discount": ', pa.array(coupons), ', "currency": "USD", "store": "',
        pa.array(numbers % _STORES), '", "products": [', pc.binary_join(listed, ", "), "]}",
    )  # fmt: skip
    return documents, totals


def _skus(count: int, rng: np.random.Generator) -> Integers:
    """Products, few of them bought often."""
    return (rng.random(count) ** 3 * _PRODUCTS).astype(np.int64)


def _category(skus: Integers) -> pa.Array:
    return _joined("C", pa.array(skus % _CATEGORIES))


def _joined(*parts: pa.Array | str) -> pa.Array:
    texts = [part if isinstance(part, str) else pc.cast(part, pa.string()) for part in parts]
    return pc.binary_join_element_wise(*texts, "")


def _chosen(texts: list[str], indices: Integers) -> pa.Array:
    return pa.array(texts).take(pa.array(indices))


def _constant(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), count)


def _masked(values: pa.Array, kept: npt.NDArray[np.bool_]) -> pa.Array:
    return pc.if_else(pa.array(kept), values, pa.scalar(None, values.type))


def _moments(start: datetime, seconds: Floats) -> pa.Array:
    begin = int(start.timestamp()) * 1_000_000
    return pa.array((seconds * 1e6).astype(np.int64) + begin).cast(schemas.TIME)
