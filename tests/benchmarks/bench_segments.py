"""How soon membership is right after new events, and what a whole refresh costs.

``SEGMENTS`` live segments (50 by default) and 1,000 new events of as many customers, with a log of
``SEGMENTS_EVENTS`` (100,000 by default) and with ten times as many. The reference is reading these
customers' events from PostgreSQL, which anybody who looks at them has to do at the least.

Then a behavioural rule of three leaves over ``BENCH_CUSTOMERS`` (20,000 by default, with twenty
events each), beside the query that one would write by hand over the same files, and beside the one
that one would write for PostgreSQL, over the same events in a table with the log's columns and
indexes. That table holds the rule's 90 days only, as if the others' partitions cost nothing.

Not a test: it asserts nothing about speed and is collected only when it is named.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from django.db import connection
from pyarrow.dataset import dataset

from lifecycle_engine.core.bulk import arrow_read, copy_arrow
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments import touched
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.rules import rule_parse, rule_select
from tests.benchmarks.history import AS_OF, history
from tests.factories.segments import country_rule, rule

SEGMENTS = int(os.environ.get("SEGMENTS", "50"))
EVENTS = int(os.environ.get("SEGMENTS_EVENTS", "100_000"))
CUSTOMERS = int(os.environ.get("SEGMENTS_CUSTOMERS", "20_000"))
BENCH_CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "20_000"))
NEW = 1_000
ROUNDS = int(os.environ.get("SEGMENTS_ROUNDS", "10"))
END = datetime(2017, 12, 1, tzinfo=UTC)
DAYS = 720
_COLUMNS = ["id", "customer_id", "source", "name", "properties", "value", "occurred_at"]

_MAKE = """
INSERT INTO events_event
    (id, source, message_id, customer_id, name, properties, value, occurred_at)
SELECT
    gen_random_uuid(), 'bench', number::text, %(one)s + number * 7919 %% %(customers)s,
    CASE number %% 10 WHEN 0 THEN 'Order Completed' ELSE 'Product Viewed' END,
    jsonb_build_object('product_id', (number %% 9999)::text, 'total', 3.5), 3.5,
    %(end)s - (number::float8 / %(upto)s) * %(days)s * interval '1 day'
FROM generate_series(%(after)s::bigint, %(upto)s::bigint - 1) AS number
"""

_BARE = """
WITH e AS (
    SELECT customer_id, name FROM read_parquet({events}, hive_partitioning = false)
    WHERE occurred_at >= $start AND occurred_at < $end
), o AS (
    SELECT customer_id, sum(value) AS total FROM read_parquet({orders}, hive_partitioning = false)
    WHERE occurred_at >= $start AND occurred_at < $end GROUP BY customer_id
)
SELECT c.id FROM customers c
WHERE c.id IN (
        SELECT customer_id FROM e WHERE name = 'Product Viewed' GROUP BY 1 HAVING count(*) >= 3)
    AND c.id IN (SELECT customer_id FROM o WHERE round(total, 2) >= 50)
    AND c.id NOT IN (SELECT customer_id FROM e WHERE name = 'Email Opened')
"""

_POSTGRES = """
SELECT c.id FROM bench_customers c
WHERE c.id IN (
        SELECT customer_id FROM bench_events
        WHERE name = 'Product Viewed' AND occurred_at >= %(start)s AND occurred_at < %(end)s
        GROUP BY customer_id HAVING count(*) >= 3)
    AND c.id IN (
        SELECT customer_id FROM bench_events
        WHERE name = 'Order Completed' AND occurred_at >= %(start)s AND occurred_at < %(end)s
        GROUP BY customer_id HAVING sum(value) >= 50)
    AND NOT EXISTS (
        SELECT FROM bench_events e
        WHERE e.customer_id = c.id AND e.name = 'Email Opened'
            AND e.occurred_at >= %(start)s AND e.occurred_at < %(end)s)
"""

BEHAVIOURAL = rule(
    {"condition": "event.count", "name": "Product Viewed", "at_least": 3, "days": 90},
    {"condition": "order.total", "at_least": 50, "days": 90},
    {"condition": "event.absent", "name": "Email Opened", "days": 90},
)


def _rules():
    for number in range(SEGMENTS):
        days = 7 + number
        yield [
            BEHAVIOURAL,
            country_rule("DE"),
            rule({"condition": "event.absent", "name": "Order Completed", "days": days}),
            rule(
                {"condition": "event.count", "name": "Product Viewed", "at_least": 2, "days": days},
                {"condition": "order.recency", "at_most_days": 30 + number},
            ),
            rule({"condition": "order.total", "at_least": 5 + number, "days": 90}),
        ][number % 5]


@pytest.mark.django_db(transaction=True)
def test_bench_membership_after_new_events():
    partitions_ensure(months=[END - timedelta(days=30 * n) for n in range(26)])
    made = Customer.objects.bulk_create(
        [Customer(external_id=f"c{n}", country="DE") for n in range(CUSTOMERS)], batch_size=5_000
    )
    Segment.objects.bulk_create(
        Segment(key=f"s{n}", name=f"s{n}", rule=document, as_of=END, size=0, members_version=1)
        for n, document in enumerate(_rules())
    )
    figures = {}
    for upto, after in ((EVENTS, 0), (10 * EVENTS, EVENTS)):
        _log_fill(made[0].pk, after, upto)
        # Everybody's membership is right before, so that only what is new changes it.
        touched.customers_touch(customer_ids=[customer.pk for customer in made], at=END)
        _take_in()
        figures[upto] = _rounds(upto, [customer.external_id for customer in made])
    small, large = figures.values()
    print(  # noqa: T201 - the figure is what it is for
        f"with ten times the log: {large / small:.2f} times as long", file=sys.stderr
    )


def _log_fill(one: int, after: int, upto: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _MAKE,
            {
                "one": one,
                "customers": CUSTOMERS,
                "end": END,
                "days": DAYS,
                "after": after,
                "upto": upto,
            },
        )
        cursor.execute("ANALYZE events_event")
        # The segments have taken in what is there.
        touched.touched_collect(at=END, limit=1)
        cursor.execute(
            "UPDATE events_reader SET (txid, event_id) ="
            " (SELECT txid, id FROM events_event ORDER BY txid DESC, id DESC LIMIT 1)"
            " WHERE name = 'segments'"
        )


def _rounds(log: int, names: list[str]) -> float:
    seconds, processor, bare = [], [], []
    for number in range(ROUNDS):
        new = [
            {
                "type": "track",
                "messageId": f"{log}-{number}-{n}",
                "userId": names[(number * 7 + n * 13) % len(names)],
                "event": "Product Viewed",
                "timestamp": (END - timedelta(hours=1)).isoformat(),
                "properties": {"product_id": "tea"},
            }
            for n in range(NEW)
        ]
        assert events_ingest(source="shop", items=new, received_at=END).accepted == NEW
        started = time.process_time()
        seconds.append(_timed(_take_in))
        processor.append(time.process_time() - started)
        wanted = Customer.objects.filter(external_id__in={item["userId"] for item in new})
        among = ",".join(str(pk) for pk in wanted.values_list("pk", flat=True))
        bare.append(
            _timed(
                lambda among=among: arrow_read(
                    "SELECT customer_id, name, properties::text, occurred_at FROM events_event"
                    f" WHERE customer_id = ANY ('{{{among}}}'::bigint[])"
                )
            )
        )
    print(  # noqa: T201 - the figure is what it is for
        f"{SEGMENTS} segments, {NEW} new events, {Event.objects.count():,} in the log: median"
        f" {median(seconds):.2f} s, p95 {quantiles(seconds, n=20)[-1]:.2f} s, without PostgreSQL"
        f" {median(processor):.2f} s of processor time; reference"
        f" {median(bare):.3f} s, ratio {median(seconds) / median(bare):.1f}",
        file=sys.stderr,
    )
    return median(seconds)


def _take_in() -> None:
    while touched.touched_collect(at=END):
        pass
    while touched.touched_settle(at=END) is not None:
        pass


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@pytest.mark.django_db(transaction=True)
def test_bench_a_whole_refresh():
    made = history(customers=BENCH_CUSTOMERS, events=20 * BENCH_CUSTOMERS)
    customers = made.customers()
    start = AS_OF - timedelta(days=90)
    files = {name: made.store.files(name, start=start, end=AS_OF) for name in ("events", "orders")}
    statement = _BARE.format(**{name: str(list(found)) for name, found in files.items()})
    ours, bare, postgres = [], [], []
    with (
        _log_in_postgres(files["events"], customers, start),
        made.tables(customers=customers, as_of=AS_OF) as tables,
        duckdb.connect() as connected,
        connection.cursor() as cursor,
    ):
        connected.execute("SET TimeZone = 'UTC'")
        connected.execute("CREATE TABLE customers AS FROM customers")
        parameters = {"start": start, "end": AS_OF}
        cursor.execute(_POSTGRES, parameters)
        selected = len(cursor.fetchall())
        parsed = rule_parse(BEHAVIOURAL)
        found = rule_select(parsed, tables).num_rows
        assert found == len(connected.execute(statement, parameters).fetchall()) == selected
        for _ in range(5):
            ours.append(_timed(lambda: rule_select(parsed, tables)))
            bare.append(_timed(lambda: connected.execute(statement, parameters).fetchall()))
            postgres.append(_timed(lambda: cursor.execute(_POSTGRES, parameters).fetchall()))
    print(  # noqa: T201 - the figure is what it is for
        f"a rule of three leaves, {BENCH_CUSTOMERS:,} customers, {20 * BENCH_CUSTOMERS:,} events:"
        f" {median(ours):.3f} s; by hand {median(bare):.3f} s, ratio"
        f" {median(ours) / median(bare):.2f}; by PostgreSQL {median(postgres):.3f} s, ratio"
        f" {median(ours) / median(postgres):.3f}",
        file=sys.stderr,
    )


@contextmanager
def _log_in_postgres(files: Sequence[str], customers: pa.Table, start: datetime) -> Iterator[None]:
    """The events from the start on and the customers in tables of PostgreSQL."""
    # Not temporary ones, which PostgreSQL reads with one process only.
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE UNLOGGED TABLE bench_events"
            " (LIKE events_event INCLUDING DEFAULTS INCLUDING INDEXES)"
        )
        cursor.execute("CREATE UNLOGGED TABLE bench_customers (id bigint PRIMARY KEY)")
        try:
            copy_arrow("bench_customers", customers.select(["id"]))
            events = dataset(files).filter(pc.field("occurred_at") >= start)
            for batch in events.to_batches(columns=_COLUMNS, batch_size=200_000):
                copy_arrow("bench_events", _log_rows(pa.table(batch)))
            cursor.execute("VACUUM ANALYZE bench_events, bench_customers")
            yield
        finally:
            cursor.execute("DROP TABLE bench_events, bench_customers")


def _log_rows(events: pa.Table) -> pa.Table:
    """The rows with the other columns that the log wants; of moments their text in UTC."""
    ids = pc.binary_join_element_wise("00000000-0000-7000-8000-", events["id"], "")
    moments = events["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.string())
    return (
        events.drop(["id", "occurred_at"])
        .append_column("id", ids)
        .append_column("message_id", events["id"])
        .append_column("occurred_at", moments)
        .append_column("txid", pa.array([1] * len(events), pa.int64()))
    )
