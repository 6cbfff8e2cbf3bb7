"""The engine's own events, the catalogue and the partitions of the log."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction

from lifecycle_engine.events.catalogue import products_upsert
from lifecycle_engine.events.models import Event, EventReceipt, Product
from lifecycle_engine.events.partitions import partitions_ensure, partitions_prepare
from lifecycle_engine.events.rows import EngineEvent, ProductRow
from lifecycle_engine.events.services import EngineEventError, events_record
from tests.factories.customers import CustomerFactory
from tests.factories.events import ProductFactory

AT = datetime(2017, 12, 1, tzinfo=UTC)


def issued(customer, message_id="coupon:1", **changes):
    return EngineEvent(
        **{"customer_id": customer.pk, "name": "Coupon Issued", "message_id": message_id}
        | {"occurred_at": AT, "properties": {"code": "X"}}
        | changes
    )


@pytest.mark.django_db
def test_what_the_engine_did_is_recorded_once():
    customer = CustomerFactory()

    with transaction.atomic():
        first = events_record(
            rows=[issued(customer, value=Decimal(5), campaign="c"), issued(customer)]
        )
        again = events_record(rows=[issued(customer), issued(customer, "coupon:2")])

    assert (first, again) == (1, 1)
    event = Event.objects.get(message_id="coupon:1")
    assert (event.source, event.customer, event.value) == ("engine", customer, Decimal("5.00"))
    assert (event.campaign, event.occurred_at, event.properties) == ("c", AT, {"code": "X"})
    assert event.received_at is not None


@pytest.mark.django_db(transaction=True)
def test_what_is_undone_is_not_recorded():
    customer = CustomerFactory()

    with transaction.atomic():
        events_record(rows=[issued(customer)])
        transaction.set_rollback(True)

    assert not Event.objects.exists()
    assert not EventReceipt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_recording_outside_of_a_transaction_is_refused():
    with pytest.raises(RuntimeError, match="wants the transaction"):
        events_record(rows=[issued(CustomerFactory())])

    assert not Event.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"message_id": "m" * 101}, "message_id has 101 characters"),
        ({"name": None}, "name wants text, got None"),
        ({"occurred_at": datetime(2017, 1, 1)}, "occurred_at wants a time with a zone"),  # noqa: DTZ001
    ],
)
def test_a_wrong_event_of_the_engine_is_refused(changes, message):
    with pytest.raises(EngineEventError, match=message):
        events_record(rows=[issued(CustomerFactory(), **changes)])

    assert not Event.objects.exists()


@pytest.mark.django_db
def test_products_are_made_replaced_and_left_alone():
    # given one product that will change and one that won't
    ProductFactory(sku="a", name="Old", brand="B")
    ProductFactory(sku="b", name="Same")
    untouched = Product.objects.get(sku="b").updated_at

    # when
    result = products_upsert(
        rows=[
            ProductRow(sku="a", name="New", price=Decimal("1.50"), attributes={"x": 1}),
            ProductRow(sku="b", name="Same"),
            ProductRow(sku="c", name="First"),
            ProductRow(sku="c", name="Last"),
            ProductRow(sku="", name="Nameless"),
            ProductRow(sku="d", name="Free", price=Decimal(-1)),
        ]
    )

    # then
    assert (result.created, result.updated) == (1, 1)
    assert [(r.index, r.key, r.field) for r in result.rejected] == [
        (4, "", "sku"),
        (5, "d", "price"),
    ]
    assert result.rejected[1].message == "wants an amount from 0 to below 1000000000000, got -1"
    changed = Product.objects.get(sku="a")
    assert (changed.name, changed.brand, changed.price) == ("New", "", Decimal("1.50"))
    assert changed.attributes == {"x": 1}
    assert Product.objects.get(sku="b").updated_at == untouched
    assert Product.objects.get(sku="c").name == "Last"


@pytest.mark.django_db
def test_a_partition_is_made_once_for_the_month_in_utc():
    # 23:30 two hours behind UTC is the next month already.
    late = datetime.fromisoformat("2031-01-31T23:30:00-02:00")

    assert partitions_ensure(months=[late, date(2031, 12, 31)]) == [
        "events_event_2031_02",
        "events_event_2031_12",
    ]
    assert partitions_ensure(months=[late]) == []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class "
            "WHERE relname = 'events_event_2031_12'"
        )
        assert cursor.fetchone() == (
            "FOR VALUES FROM ('2031-12-01 00:00:00+00') TO ('2032-01-01 00:00:00+00')",
        )


@pytest.mark.django_db
def test_the_months_to_come_are_made_ahead():
    made = partitions_prepare(at=datetime(2033, 12, 31, 23, tzinfo=UTC))

    assert made == ["events_event_2033_12", "events_event_2034_01", "events_event_2034_02"]
    assert partitions_prepare(at=datetime(2033, 12, 1, tzinfo=UTC)) == []


@pytest.mark.django_db(transaction=True)
def test_processes_that_need_the_same_month_make_it_once():
    barrier = threading.Barrier(3)
    made = []

    def ensure():
        try:
            barrier.wait(timeout=20)
            made.extend(partitions_ensure(months=[date(2032, 5, 1)]))
        finally:
            connection.close()

    threads = [threading.Thread(target=ensure) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert made == ["events_event_2032_05"]
