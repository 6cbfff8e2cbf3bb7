"""The columnar copy holds every event of the log, each exactly once."""

import json

import pytest
from django.conf import settings as django_settings

from lifecycle_engine.core.models import JobRun
from lifecycle_engine.events.failures import FAILURES_TO_BLAME
from lifecycle_engine.events.models import Event, EventReceipt, Reader
from lifecycle_engine.events.readers import reader_retry_now, readers_lag
from lifecycle_engine.warehouse import delta, mirror, schemas, tasks
from lifecycle_engine.warehouse.engines.opening import store_open
from tests.factories.mirror import (
    END,
    NOW,
    assert_copy_equals_log,
    copied,
    ingest,
    order,
    orders_in_the_log,
)
from tests.locks import held_elsewhere


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
    with held_elsewhere("warehouse.mirror"):
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
