"""How fast features are computed, beside a bare hand-written DuckDB query over the same files.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench``, or ``pytest tests/benchmarks/bench_features.py -s``
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import duckdb
import pyarrow as pa
import pytest

from lifecycle_engine.warehouse import schemas
from lifecycle_engine.warehouse.delta import DeltaStore, batch_append
from lifecycle_engine.warehouse.engines.duckdb import DuckDBEngine
from lifecycle_engine.warehouse.features import features_frame, features_frames
from lifecycle_engine.warehouse.session import SessionTables

CUSTOMERS = 2_500
ORDERS = 156_000
LINES_PER_ORDER = 9
ROUNDS = 5
AS_OF = datetime(2017, 12, 1, tzinfo=UTC)
DECEMBER = "TIMESTAMPTZ '2017-12-01 00:00:00+00'"

_MADE = {
    "events": f"""
        SELECT i::text AS id, (hash(i) % {CUSTOMERS})::int8 AS customer_id, 'shop' AS source,
            'Order Completed' AS name, repeat('{{}}', 500) AS properties,
            TIMESTAMPTZ '2017-01-01 00:00:00+00' + to_seconds(hash(i * 3) % 31536000) AS occurred_at
        FROM range({ORDERS}) made(i)""",
    "orders": """
        SELECT id AS event_id, id AS order_id, customer_id, occurred_at,
            (hash(id) % 9000) / 100 AS value, (hash(id) % 700) / 100 AS discount,
            (hash(id) % 5 = 0)::float8 AS coupon_discount, 9 AS lines, 12 AS quantity,
            (hash(id) % 40)::text AS store
        FROM events""",
    "order_lines": f"""
        SELECT event_id, order_id, customer_id, occurred_at,
            (hash(event_id, i) % 9999)::text AS sku, 1 AS quantity, value / 9 AS price,
            value / 9 AS value, discount / 9 AS discount,
            (hash(event_id, i) % 30)::text AS department,
            (hash(event_id, i) % 300)::text AS category
        FROM orders, range({LINES_PER_ORDER}) made(i)""",
}

NAMES = [
    "recency_days",
    "orders_30d",
    "orders_90d",
    "revenue_30d",
    "revenue_90d",
    "revenue_365d",
    "discount_share_90d",
    "stores_90d",
    "gap_days_mean",
    "gap_days_std",
    "departments_90d",
    "products_90d",
    "campaigns_received_90d",
]

_BARE = """
WITH o AS (
    SELECT customer_id, date_diff('second', max(occurred_at), {now}) / 86400.0 AS recency_days,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 30 DAY) AS orders_30d,
        count(*) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS orders_90d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 30 DAY) AS revenue_30d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS revenue_90d,
        sum(value) FILTER (occurred_at >= {now} - INTERVAL 365 DAY) AS revenue_365d,
        sum(discount) FILTER (occurred_at >= {now} - INTERVAL 90 DAY)
            / sum(discount + value) FILTER (occurred_at >= {now} - INTERVAL 90 DAY)
            AS discount_share_90d,
        count(DISTINCT store) FILTER (occurred_at >= {now} - INTERVAL 90 DAY) AS stores_90d
    FROM read_parquet({orders}) WHERE occurred_at < {now} GROUP BY ALL
), g AS (
    SELECT customer_id, avg(gap) AS gap_days_mean, stddev_samp(gap) AS gap_days_std
    FROM (SELECT customer_id, date_diff('second', lag(occurred_at) OVER (
              PARTITION BY customer_id ORDER BY occurred_at, event_id), occurred_at)
              / 86400.0 AS gap
          FROM read_parquet({orders}) WHERE occurred_at < {now}) GROUP BY ALL
), l AS (
    SELECT customer_id, count(DISTINCT department) AS departments_90d,
        count(DISTINCT sku) AS products_90d
    FROM read_parquet({order_lines})
    WHERE occurred_at < {now} AND occurred_at >= {now} - INTERVAL 90 DAY GROUP BY ALL
), e AS (
    SELECT customer_id, count(*) FILTER (name = 'Campaign Received') AS campaigns_received_90d
    FROM read_parquet({events})
    WHERE occurred_at < {now} AND occurred_at >= {now} - INTERVAL 90 DAY GROUP BY ALL
), c AS (SELECT DISTINCT customer_id FROM read_parquet({events}) WHERE occurred_at < {now})
SELECT c.customer_id, o.* EXCLUDE customer_id, g.* EXCLUDE customer_id, l.* EXCLUDE customer_id,
    coalesce(campaigns_received_90d, 0)
FROM c LEFT JOIN o USING (customer_id) LEFT JOIN g USING (customer_id)
LEFT JOIN l USING (customer_id) LEFT JOIN e USING (customer_id) ORDER BY customer_id
"""


def _made(store: DeltaStore) -> pa.Table:
    """Write the event tables; returns the customers."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, statement in _MADE.items():
            connection.execute(f"CREATE TABLE {name} AS {statement}")
            rows = connection.sql(f"FROM {name}").to_arrow_table()
            schema = schemas.LOG_TABLES[name]
            absent = {field.name: pa.nulls(len(rows), field.type) for field in schema}
            whole = pa.table(absent | dict(zip(rows.column_names, rows.columns, strict=True)))
            table = store.create(name, schema, description="")
            batch_append(table, whole.select(schema.names).cast(schema), writer="b", batch=1)
    people = [{"id": number, "created_at": AS_OF} for number in range(CUSTOMERS)]
    return pa.Table.from_pylist(people, schema=schemas.CUSTOMERS)


def _seconds(work: Callable[[], pa.Table]) -> tuple[float, pa.Table]:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = work()
        taken.append(time.perf_counter() - start)
    return median(taken), found


@pytest.fixture
def store(tmp_path: Path) -> DeltaStore:
    return DeltaStore(tmp_path)


def test_features_beside_bare_duckdb(store):
    customers = _made(store)
    files = {
        name: repr(list(store.files(name, start=None, end=AS_OF))) for name in schemas.LOG_TABLES
    }
    statement = _BARE.format(now=DECEMBER, **files)

    def ours() -> pa.Table:
        engine = DuckDBEngine(store)
        live = {"customers": engine.live_table("customers", customers)}
        tables = SessionTables(engine, start=None, as_of=AS_OF, live=live)
        try:
            return features_frame(names=NAMES, as_of=AS_OF, tables=tables)
        finally:
            engine.close()

    def bare() -> pa.Table:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.sql(statement).to_arrow_table()

    seconds, found = _seconds(ours)
    bare_seconds, reference = _seconds(bare)

    assert found.num_rows == reference.num_rows == CUSTOMERS
    for name in NAMES[:-1]:
        differ = found[name].to_pandas() - reference[name].to_pandas()
        assert differ.abs().max() < 1e-6, name
    sys.stdout.write(
        f"\n{len(NAMES)} features of {CUSTOMERS} customers over {ORDERS} orders: {seconds:.2f} s,"
        f" bare DuckDB {bare_seconds:.2f} s, ratio {seconds / bare_seconds:.2f}\n"
    )


def test_many_dates_at_once_beside_one_by_one(store):
    engine = DuckDBEngine(store)
    live = {"customers": engine.live_table("customers", _made(store))}
    tables = SessionTables(engine, start=None, as_of=AS_OF, live=live)
    dates = [AS_OF - timedelta(days=15 * number) for number in range(10)]

    def at_once() -> pa.Table:
        return features_frames(names=NAMES, moments=dates, tables=tables)

    def one_by_one() -> pa.Table:
        frames = (features_frame(names=NAMES, as_of=date, tables=tables) for date in dates)
        return pa.concat_tables(frames)

    try:
        seconds, found = _seconds(at_once)
        apart_seconds, apart = _seconds(one_by_one)
    finally:
        engine.close()

    assert found.num_rows == apart.num_rows
    sys.stdout.write(
        f"\n{len(NAMES)} features as of {len(dates)} dates: {seconds:.2f} s at once,"
        f" {apart_seconds:.2f} s one by one, ratio {seconds / apart_seconds:.2f}\n"
    )
