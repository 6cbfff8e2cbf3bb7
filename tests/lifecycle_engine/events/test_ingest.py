"""Taking a batch of events in."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle_engine.customers.contacts import email_hash
from lifecycle_engine.customers.models import Customer, Identifier
from lifecycle_engine.events.items import ITEM_LIMIT, ItemError, item_read
from lifecycle_engine.events.models import Event, EventReceipt
from lifecycle_engine.events.rows import Rejection
from lifecycle_engine.events.services import SourceError, events_ingest
from tests.factories.events import identify, track

RECEIVED_AT = datetime(2017, 12, 1, tzinfo=UTC)


def ingest(*items, source="shop"):
    return events_ingest(source=source, items=items, received_at=RECEIVED_AT)


@pytest.mark.django_db
def test_an_event_is_written_whole():
    # given an order with everything that is promoted
    properties = {
        "total": 12.345,
        "revenue": 9,
        "currency": "EUR",
        "category": "Tea",
        "products": [{"product_id": "a", "quantity": 2}],
        "note": 'a "quoted" back\\slash, a tab\t and é',
    }
    context = {"campaign": {"name": "spring"}}
    order = track("m1", event="Order Completed", properties=properties, context=context)

    # when
    result = ingest(order)

    # then
    event = Event.objects.get()
    assert (result.accepted, result.duplicates, result.rejected) == (1, 0, [])
    assert event.properties == properties
    assert event.value == Decimal("12.34")
    assert (event.currency, event.category, event.campaign) == ("EUR", "Tea", "spring")
    assert event.product_sku is None
    assert (event.source, event.message_id, event.name) == ("shop", "m1", "Order Completed")
    assert event.occurred_at == datetime(2017, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert event.received_at == RECEIVED_AT
    assert event.id.version == 7
    assert event.customer == Customer.objects.get(external_id="u1")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("_case", "properties", "column", "value"),
    [
        ("revenue without total", {"revenue": "7.5"}, "value", Decimal("7.50")),
        ("value without either", {"value": 3}, "value", Decimal("3.00")),
        ("an amount that is none", {"total": True, "value": "many"}, "value", None),
        ("an amount that is too large", {"total": 10**12}, "value", None),
        ("not a number", {"total": "NaN"}, "value", None),
        ("a currency that is too long", {"currency": "EURO"}, "currency", None),
        ("sku", {"sku": "s"}, "product_sku", "s"),
        ("a number as product", {"product_id": 7, "sku": "s"}, "product_sku", "7"),
        ("a list as category", {"category": ["Tea"]}, "category", None),
        ("campaign", {"campaign": "c"}, "campaign", "c"),
    ],
)
def test_what_does_not_fit_a_column_stays_in_the_properties(_case, properties, column, value):
    ingest(track("m1", properties=properties))

    event = Event.objects.get()
    assert getattr(event, column) == value
    assert event.properties == properties


BAD = [
    ("not an object", 5, "item", "item wants an object, got 5"),
    (
        "no type",
        track("m", type=None),
        "type",
        "type is missing; it wants one of track, identify, page, screen, group, alias",
    ),
    (
        "unknown type",
        track("m", type="telephone"),
        "type",
        "type is unknown: 'telephone'; it wants one of track, identify, page, screen, group, alias",
    ),
    ("no event name", track("m", event=""), "event", "event is missing"),
    (
        "event name too long",
        track("m", event="e" * 201),
        "event",
        "event has 201 characters, the limit is 200: '" + "e" * 56 + "...",
    ),
    ("nobody", track("m", userId=None), "userId", "userId is missing, and so is anonymousId"),
    ("userId of a kind", track("m", userId=[1]), "userId", "userId wants text, got [1]"),
    ("no messageId", track(""), "messageId", "messageId is missing"),
    (
        "messageId too long",
        track("m" * 101),
        "messageId",
        "messageId has 101 characters, the limit is 100: '" + "m" * 56 + "...",
    ),
    (
        "timestamp of a kind",
        track("m", timestamp=1488603967),
        "timestamp",
        "timestamp wants text as in ISO 8601, got 1488603967",
    ),
    (
        "timestamp unreadable",
        track("m", timestamp="yesterday"),
        "timestamp",
        "timestamp is not a time as in ISO 8601: 'yesterday'",
    ),
    (
        "timestamp too early",
        track("m", timestamp="1969-12-31T23:59:59Z"),
        "timestamp",
        "timestamp is not between 1970 and one day after it was received: '1969-12-31T23:59:59Z'",
    ),
    (
        "timestamp too late",
        track("m", timestamp="2017-12-02T00:00:01Z"),
        "timestamp",
        "timestamp is not between 1970 and one day after it was received: '2017-12-02T00:00:01Z'",
    ),
    (
        "properties no object",
        track("m", properties=[1]),
        "properties",
        "properties wants an object, got [1]",
    ),
    (
        "NUL deep inside",
        track("m", properties={"a": [{"b": "x\0"}]}),
        "properties.a[0].b",
        "properties.a[0].b holds a NUL character",
    ),
    (
        "NUL in a key",
        track("m", properties={"a\0": 1}),
        "properties.a\\0",
        "properties.a\\0 holds a NUL character",
    ),
    ("NUL in the name", track("m", event="a\0"), "event", "event holds a NUL character"),
    (
        "half a character",
        track("m", properties={"a": "\ud800"}),
        "item",
        "item is not JSON text: surrogates not allowed",
    ),
    (
        "bad e-mail",
        identify("m", email="nobody"),
        "traits.email",
        "traits.email is not an e-mail address: 'nobody'",
    ),
    (
        "bad first name",
        identify("m", firstName=5),
        "traits.firstName",
        "traits.firstName wants text, got 5",
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("_case", "item", "field", "message"), BAD, ids=[bad[0] for bad in BAD])
def test_a_bad_item_is_named_and_changes_nothing(_case, item, field, message):
    result = ingest(item)

    (rejection,) = result.rejected
    assert (result.accepted, result.duplicates) == (0, 0)
    assert (rejection.index, rejection.field, rejection.message) == (0, field, message)
    assert not Event.objects.exists()
    assert not EventReceipt.objects.exists()
    assert not Customer.objects.exists()


@pytest.mark.django_db
def test_one_bad_item_stops_no_other():
    # given every bad item between two good ones
    items = [track("first"), *(bad[1] for bad in BAD), track("last")]

    # when
    result = ingest(*items)

    # then
    assert result.accepted == 2
    assert [rejection.index for rejection in result.rejected] == list(range(1, len(BAD) + 1))
    assert result.rejected[1] == Rejection(2, "m", "type", BAD[1][3])
    assert set(Event.objects.values_list("message_id", flat=True)) == {"first", "last"}


@pytest.mark.django_db
def test_an_event_above_32_kilobytes_is_refused():
    # given an event of the most bytes that one may have, and one of a byte more
    room = ITEM_LIMIT - len(msgspec.json.encode(track("m1", properties={"a": ""})))
    fits, too_large = ({"a": "x" * size} for size in (room, room + 1))

    # when
    result = ingest(track("m1", properties=fits), track("m2", properties=too_large))

    # then
    message = "item has 32769 bytes, the limit is 32768"
    assert result.accepted == 1
    assert result.rejected == [Rejection(1, "m2", "item", message)]


@pytest.mark.django_db
def test_a_time_is_read_in_its_zone_and_defaults_to_the_receipt():
    ingest(
        track("zone", timestamp="2017-03-04T05:00:00+02:00"),
        track("none", timestamp="2017-03-04T05:00:00"),
        track("missing", timestamp=None),
        track("edge", timestamp=(RECEIVED_AT + timedelta(days=1)).isoformat()),
    )

    times = dict(Event.objects.values_list("message_id", "occurred_at"))
    assert times == {
        "zone": datetime(2017, 3, 4, 3, tzinfo=UTC),
        "none": datetime(2017, 3, 4, 5, tzinfo=UTC),
        "missing": RECEIVED_AT,
        "edge": datetime(2017, 12, 2, tzinfo=UTC),
    }


@pytest.mark.django_db
def test_a_double_is_counted_and_written_once():
    # given a message that came before, and one that comes twice in the batch
    ingest(track("m1"))

    # when
    result = ingest(track("m1", userId="other"), track("m2"), track("m2", event="Other"))

    # then
    assert (result.accepted, result.duplicates) == (1, 2)
    assert set(Event.objects.values_list("message_id", "name")) == {
        ("m1", "Product Viewed"),
        ("m2", "Product Viewed"),
    }
    assert not Customer.objects.filter(external_id="other").exists()


@pytest.mark.django_db
def test_message_ids_are_unique_in_their_source_only():
    ingest(track("m1"))

    assert ingest(track("m1"), source="app").accepted == 1


@pytest.mark.django_db
@pytest.mark.parametrize("source", ["", "engine", "s" * 101])
def test_a_source_that_may_not_be_used_is_refused(source):
    with pytest.raises(SourceError, match="source can't be"):
        ingest(track("m1"), source=source)

    assert not Event.objects.exists()


@pytest.mark.django_db
def test_identify_writes_columns_and_attributes():
    # given what is known
    ingest(identify("m1", email="old@example.com", firstName="Ada", size="M", shoe=41))

    # when a part of it changes, over two messages of one batch
    result = ingest(
        identify("m2", email="new@example.com", firstName=None, shoe=None),
        identify("m3", phone="+15550100", country="DE", size="L"),
    )

    # then what was not said stays
    customer = Customer.objects.get()
    assert result.accepted == 2
    assert customer.email == "new@example.com"
    hashes = [event.properties.get("email_hash") for event in Event.objects.order_by("message_id")]
    assert hashes == [email_hash("old@example.com"), email_hash("new@example.com"), None]
    assert (customer.first_name, customer.phone, customer.country) == ("", "+15550100", "DE")
    assert customer.attributes == {"size": "L"}
    assert set(Event.objects.values_list("name", flat=True)) == {"Customer Identified"}


@pytest.mark.django_db
def test_a_repeated_identify_does_not_turn_the_clock_back():
    ingest(identify("m1", email="old@example.com"))
    ingest(identify("m2", email="new@example.com"))

    ingest(identify("m1", email="old@example.com"))

    assert Customer.objects.get().email == "new@example.com"


@pytest.mark.django_db
def test_an_anonymous_id_follows_the_first_user_it_comes_with():
    # given events of a visitor who logs in, and of one who doesn't
    ingest(
        track("m1", userId=None, anonymousId="stays"),
        track("m2", userId="u1", anonymousId="device"),
        track("m3", userId=None, anonymousId="device"),
        track("m4", userId=7),
    )

    # then
    customers = dict(Event.objects.values_list("message_id", "customer__external_id"))
    assert customers == {"m1": None, "m2": "u1", "m3": "u1", "m4": "7"}
    assert Customer.objects.count() == 3
    assert set(Identifier.objects.values_list("kind", "value", "customer__external_id")) == {
        ("anonymous_id", "stays", None),
        ("anonymous_id", "device", "u1"),
        ("user_id", "u1", "u1"),
        ("user_id", "7", "7"),
    }


@pytest.mark.django_db
def test_a_customer_made_by_hand_is_found_by_number():
    customer = Customer.objects.create(external_id="u1")

    ingest(track("m1"))

    assert Event.objects.get().customer_id == customer.pk
    assert Identifier.objects.get().customer_id == customer.pk


@pytest.mark.django_db(transaction=True)
def test_two_processes_that_bring_the_same_new_people_make_each_once():
    # given two connections that send the same people and some of the same messages, many times over
    barrier = threading.Barrier(2)
    results = {}

    def send(name):
        try:
            for round_ in range(5):
                items = [
                    track(
                        f"{round_}-{number}" if number % 2 else f"{name}-{round_}-{number}",
                        userId=f"u{round_}-{number}" if number % 3 else None,
                        anonymousId=f"a{round_}-{number}",
                    )
                    for number in range(60)
                ]
                barrier.wait(timeout=20)
                result = ingest(*(reversed(items) if name == "b" else items))
                results[name, round_] = result
        finally:
            connection.close()

    # when
    threads = [threading.Thread(target=send, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    # then
    assert len(results) == 10
    assert sum(result.accepted for result in results.values()) == 5 * (30 + 30 + 30)
    assert Event.objects.count() == 5 * 90
    assert Customer.objects.count() == 5 * 60
    assert Identifier.objects.count() == 5 * (40 + 60)
    assert not Event.objects.filter(customer__isnull=True).exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = ("type", "messageId", "userId", "anonymousId", "event", "timestamp", "properties", "traits")


@given(item=st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(["track", "identify"])))
@settings(max_examples=150)
def test_whatever_comes_is_read_or_refused(item):
    try:
        read = item_read(item, received_at=RECEIVED_AT)
    except ItemError as error:
        assert error.message.startswith(error.field)  # noqa: PT017 - either answer is good
    else:
        assert 0 < len(read.message_id) <= 100
        assert b"\\u0000" not in read.properties.replace(b"\\\\", b"")
