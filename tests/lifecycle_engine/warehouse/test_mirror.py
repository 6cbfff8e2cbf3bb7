"""The columnar copy holds every event of the log, each exactly once."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lifecycle_engine.core.bulk import adbc_url
from lifecycle_engine.core.models import JobRun
from lifecycle_engine.events.failures import FAILURES_TO_BLAME
from lifecycle_engine.events.models import Event, EventReceipt, Reader
from lifecycle_engine.events.readers import reader_retry_now, readers_lag
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.warehouse import delta, mirror, schemas, tasks
from lifecycle_engine.warehouse.engines.opening import store_open
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


@pytest.mark.django_db(transaction=True)
def test_order_becomes_one_event_one_order_and_its_lines():
    ingest(
        order(
            1,
            total=9.5,
            currency="USD",
            discount=1.5,
            coupon_discount=0.5,
            store="12",
            products=[
                {
                    "product_id": "p1",
                    "quantity": 2,
                    "price": 2.25,
                    "value": 4.5,
                    "discount": 1,
                    "department": "GROCERY",
                    "category": "MILK",
                },
                {"sku": "p2", "price": "5.00"},
            ],
        )
    )

    result = mirror.mirror_run()

    event = Event.objects.get()
    assert (result.batches, result.events, result.orders, result.order_lines) == (1, 1, 1, 2)
    [copy] = copied("events")
    assert json.loads(copy.pop("properties")) == event.properties
    assert copy == {
        "id": str(event.pk),
        "customer_id": event.customer_id,
        "source": "shop",
        "name": "Order Completed",
        "value": 9.5,
        "currency": "USD",
        "product_sku": None,
        "category": None,
        "campaign": None,
        "occurred_at": NOW,
        "received_at": event.received_at,
    }
    base = {"event_id": str(event.pk), "order_id": "1", "customer_id": event.customer_id}
    assert copied("orders") == [
        {
            **base,
            "occurred_at": NOW,
            "value": 9.5,
            "currency": "USD",
            "discount": 1.5,
            "coupon_discount": 0.5,
            "lines": 2,
            "quantity": 3.0,
            "store": "12",
        }
    ]
    assert sorted(copied("order_lines"), key=lambda line: line["sku"]) == [
        {
            **base,
            "occurred_at": NOW,
            "sku": "p1",
            "quantity": 2.0,
            "price": 2.25,
            "value": 4.5,
            "discount": 1.0,
            "department": "GROCERY",
            "category": "MILK",
        },
        {
            **base,
            "occurred_at": NOW,
            "sku": "p2",
            "quantity": 1.0,
            "price": 5.0,
            "value": 5.0,
            "discount": 0.0,
            "department": None,
            "category": None,
        },
    ]


@pytest.mark.django_db(transaction=True)
def test_orders_without_sensible_products_are_orders_without_lines():
    senseless = ["none", 7, {"sku": "a"}, [], None, [5, None, "a", {"price": 3}], [[{"sku": "a"}]]]
    ingest(*(order(i, total=4, products=products) for i, products in enumerate(senseless)))

    mirror.mirror_run()

    assert [(row["value"], row["lines"]) for row in copied("orders")] == [(4.0, 0)] * 7
    assert copied("order_lines") == []


@pytest.mark.django_db(transaction=True)
def test_numbers_that_make_no_sense_are_left_out():
    products = [{"sku": "a", "quantity": "many", "price": "NaN", "value": "1e999", "discount": []}]
    ingest(order(1, total=None, discount="Infinity", products=products))

    mirror.mirror_run()

    [line] = copied("order_lines")
    assert (line["quantity"], line["price"], line["value"], line["discount"]) == (
        1.0,
        None,
        None,
        0,
    )
    [row] = copied("orders")
    assert (row["value"], row["discount"]) == (None, 0.0)


@pytest.mark.django_db(transaction=True)
def test_other_events_are_no_orders():
    ingest(
        {
            "type": "track",
            "messageId": "1",
            "userId": "1",
            "event": "Campaign Received",
            "timestamp": NOW.isoformat(),
            "properties": {"campaign": "CJ-1"},
        }
    )

    mirror.mirror_run()

    assert [(row["name"], row["campaign"]) for row in copied("events")] == [
        ("Campaign Received", "CJ-1")
    ]
    assert copied("orders") == []


@pytest.mark.django_db(transaction=True)
def test_each_run_takes_only_what_is_new():
    done: list[int] = []
    orders_in_the_log(25)

    first = mirror.mirror_run(batch_events=10, progress=done.append)
    nothing = mirror.mirror_run()
    orders_in_the_log(3, first=25)
    second = mirror.mirror_run()

    assert (first.batches, first.events, done) == (3, 25, [10, 20, 25])
    assert (nothing.batches, nothing.events) == (0, 0)
    assert (second.batches, second.events) == (1, 3)
    assert_copy_equals_log()


@pytest.mark.django_db(transaction=True)
def test_small_files_are_joined_and_batches_stay_counted(monkeypatch):
    monkeypatch.setattr(delta, "_MONTH_FILES", 3)
    orders_in_the_log(12)

    mirror.mirror_run(batch_events=2)

    store = store_open(django_settings.WAREHOUSE_URL)
    for name in schemas.LOG_TABLES:
        assert len(store.files(name, start=None, end=END)) == 2  # December and November.
        assert store.table(name).transaction_version(mirror.READER) == 6
    assert_copy_equals_log()


@pytest.mark.django_db(transaction=True)
def test_one_mirror_at_a_time():
    orders_in_the_log(1)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('warehouse.mirror', 0))")

        result = mirror.mirror_run()
        with pytest.raises(mirror.MirrorBusyError):
            mirror.mirror_rebuild()

    assert result == mirror.MirrorResult(busy=True)
    assert copied("events") == []


@pytest.mark.django_db(transaction=True)
def test_copy_that_is_gone_is_made_again():
    orders_in_the_log(5)
    mirror.mirror_run()
    store = store_open(django_settings.WAREHOUSE_URL)
    for name in schemas.LOG_TABLES:
        store.drop(name)
    orders_in_the_log(1, first=5)

    mirror.mirror_run()

    assert_copy_equals_log()


@pytest.mark.django_db(transaction=True)
def test_copy_of_another_log_is_refused_until_rebuilt():
    orders_in_the_log(5)
    mirror.mirror_run()
    Event.objects.all().delete()
    EventReceipt.objects.all().delete()
    Reader.objects.all().delete()
    orders_in_the_log(2, first=10)
    before = copied("events")

    with pytest.raises(mirror.MirrorMismatchError, match="'events' has batch 1"):
        mirror.mirror_run()

    assert copied("events") == before
    mirror.mirror_rebuild()
    mirror.mirror_run()
    assert_copy_equals_log()


@pytest.mark.django_db(transaction=True)
def test_table_that_is_gone_alone_is_refused_until_rebuilt():
    orders_in_the_log(1)
    mirror.mirror_run()
    store_open(django_settings.WAREHOUSE_URL).drop("orders")
    orders_in_the_log(1, first=1)

    with pytest.raises(mirror.MirrorMismatchError, match="'orders' has batch None"):
        mirror.mirror_run()

    mirror.mirror_rebuild()
    mirror.mirror_run()
    assert_copy_equals_log()


@pytest.mark.django_db(transaction=True)
def test_batch_that_fails_waits_is_never_taken_apart_and_never_skipped(monkeypatch):
    # given a batch of which the first table has all and the second none
    orders_in_the_log(4)
    append = mirror._table_append

    def refuse(store, name, rows, batch):
        if name == "orders":
            raise ValueError("no such basket")
        append(store, name, rows, batch)

    monkeypatch.setattr(mirror, "_table_append", refuse)

    # when it fails until it is to blame itself, and then once more
    for _ in range(FAILURES_TO_BLAME + 1):
        with pytest.raises(ValueError, match="no such basket"):
            mirror.mirror_run(batch_events=3)
        waiting = mirror.mirror_run(batch_events=3)
        assert (waiting.batches, waiting.retry_at) == (0, Reader.objects.get().retry_at)
        tasks.mirror_run()
        reader_retry_now(mirror.READER)

    # then the plan is the same, nothing is in quarantine, and staff see why
    [lag] = readers_lag(names=[mirror.READER])
    assert (lag.state, lag.error, lag.failures, lag.quarantined) == (
        "stuck", "ValueError: no such basket", FAILURES_TO_BLAME + 1, 0,
    )  # fmt: skip
    assert len(copied("events")) == 3
    assert not JobRun.objects.exists()

    # when it is mended it goes on by itself, each row once
    monkeypatch.undo()
    mirror.mirror_run(batch_events=3)
    assert_copy_equals_log()
    assert readers_lag(names=[mirror.READER])[0].state == "reading"


@pytest.mark.django_db(transaction=True)
def test_folder_that_is_away_is_waited_for_and_not_held_against_the_batch(monkeypatch):
    orders_in_the_log(1)
    mirror.mirror_run()
    orders_in_the_log(1, first=1)

    def away(store, name):
        raise OSError("the disk is not mounted")

    monkeypatch.setattr(delta.DeltaStore, "table", away)
    for _ in range(FAILURES_TO_BLAME + 1):
        with pytest.raises(OSError, match="not mounted"):
            mirror.mirror_run()
        assert mirror.mirror_waits()
        reader_retry_now(mirror.READER)

    [lag] = readers_lag(names=[mirror.READER])
    assert (lag.failures, lag.error) == (FAILURES_TO_BLAME + 1, "OSError: the disk is not mounted")
    assert lag.state != "stuck"
    monkeypatch.undo()
    mirror.mirror_run()
    assert_copy_equals_log()


@pytest.mark.django_db(transaction=True)
def test_task_leaves_a_record_where_there_was_work():
    orders_in_the_log(2)

    tasks.mirror_run()
    tasks.mirror_run()

    run = JobRun.objects.get()
    assert (run.name, run.state, run.done, run.unit) == (
        "warehouse.mirror",
        "succeeded",
        2,
        "events",
    )
    assert run.result == {"events": 2, "orders": 2, "busy": False}


class _CrashError(BaseException):
    """Stands for the end of the process, which writes nothing down."""


STEPS = ("plan", "events", "orders", "order_lines", "confirm")


def crashing(step: str, *, after: bool):
    """Let the mirror end just before or just after a step of its next batch."""
    target, name = {
        "plan": (mirror.readers, "reader_plan"),
        "confirm": (mirror.readers, "reader_confirm"),
    }.get(step, (mirror, "_table_append"))
    real = getattr(target, name)

    def crash(*arguments: Any) -> Any:
        if name == "_table_append" and arguments[1] != step:
            return real(*arguments)
        if after:
            real(*arguments)
        raise _CrashError

    return patch.object(target, name, crash)


happenings = st.lists(
    st.one_of(
        st.integers(1, 5).map(lambda count: ("ingest", count)),
        st.integers(1, 4).map(lambda size: ("run", size)),
        st.tuples(st.sampled_from(STEPS), st.booleans()).map(lambda where: ("crash", *where)),
    ),
    max_size=7,
)


@pytest.mark.django_db(transaction=True)
@hypothesis_settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=happenings)
def test_however_often_it_crashes_every_event_is_copied_once(story, settings):
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE events_event, events_eventreceipt, events_reader CASCADE")
    with tempfile.TemporaryDirectory() as folder:
        settings.WAREHOUSE_URL = f"duckdb://{folder}?threads=1"
        ingested = 0
        for kind, *how in story:
            if kind == "ingest":
                orders_in_the_log(how[0], first=ingested)
                ingested += how[0]
            elif kind == "run":
                mirror.mirror_run(batch_events=how[0])
            else:
                with crashing(how[0], after=how[1]), suppress(_CrashError):
                    mirror.mirror_run(batch_events=2)

        mirror.mirror_run()

        assert_copy_equals_log()


# Forks a process per crash point. Each is killed at one more call than the one before it.
_KILLED = """
import os, signal, sys
import django
django.setup()
from lifecycle_engine.warehouse import mirror

POINTS = [(mirror.readers, "reader_plan"), (mirror, "_table_append"),
          (mirror.readers, "reader_confirm")]

def killed_at(point):
    passed = 0
    def pass_point():
        nonlocal passed
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1
    def guard(real):
        def call(*arguments):
            pass_point()
            found = real(*arguments)
            pass_point()
            return found
        return call
    for module, name in POINTS:
        setattr(module, name, guard(getattr(module, name)))
    mirror.mirror_run(batch_events=5)

for point in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        killed_at(point)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else "ended", flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_killed_at_every_point_it_neither_loses_nor_doubles_a_row(settings):
    orders_in_the_log(60)
    points = 2 * 5  # Before and after each of the five steps of a batch.

    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(points)],
        cwd=Path(__file__).parents[3],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
            "DATABASE_URL": adbc_url(),
            "WAREHOUSE_URL": settings.WAREHOUSE_URL,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert killed.stdout.split() == ["9"] * points, killed.stderr
    assert 0 < len(copied("events")) < 60
    mirror.mirror_run()
    assert_copy_equals_log()
