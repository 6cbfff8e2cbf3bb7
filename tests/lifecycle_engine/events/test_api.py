"""The API that events and products come in by."""

import json

import pytest
from django.db import connection

from lifecycle_engine.core.models import Scope
from lifecycle_engine.events.models import Event, Product
from tests.factories.core import bearer
from tests.factories.events import track

pytestmark = pytest.mark.django_db


def post(client, path, body, headers):
    return client.post(path, body, content_type="application/json", headers=headers)


def test_events_are_taken_and_the_bad_ones_named(client):
    headers = bearer(Scope.EVENTS_WRITE)
    body = {"events": [track("m1"), track("m1"), track("m2", type="x"), 5]}

    answer = post(client, "/api/v1/events/", body, headers)

    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 1,
        "duplicates": 1,
        "rejected": [
            {
                "index": 2,
                "message_id": "m2",
                "field": "type",
                "message": "type is unknown: 'x'; "
                "it wants one of track, identify, page, screen, group, alias",
            },
            {
                "index": 3,
                "message_id": "",
                "field": "item",
                "message": "item wants an object, got 5",
            },
        ],
    }
    assert Event.objects.get().source == "api:shop"


def test_an_event_is_stored_as_it_was_sent(client):
    exact = "12345678901234567890.123456789"
    body = json.dumps({"events": [track("m1", properties={"n": "exact"}), None]})

    answer = post(
        client, "/api/v1/events/", body.replace('"exact"', exact), bearer(Scope.EVENTS_WRITE)
    )

    assert [rejection["index"] for rejection in answer.json()["rejected"]] == [1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT properties ->> 'n' FROM events_event")
        assert cursor.fetchall() == [(exact,)]


def test_message_ids_of_two_partners_do_not_meet(client):
    for name in ("shop", "app"):
        headers = bearer(Scope.EVENTS_WRITE, name=name)
        answer = post(client, "/api/v1/events/", {"events": [track("m1")]}, headers)
        assert answer.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("_case", "body", "status", "code", "message"),
    [
        ("no JSON", "{", 400, "parse_error", "The request body is not JSON"),
        ("nothing", "", 400, "invalid", "events: This field is required."),
        ("no list", {"events": 5}, 400, "invalid", "events: Expected a list of items"),
        ("no object", "[]", 400, "invalid", "non_field_errors: Invalid data."),
        ("too many", {"events": [1] * 2501}, 400, "invalid", "no more than 2500 elements"),
        ("too deep", "[" * 100_000, 400, "parse_error", "nested too deeply"),
        ("too large", " " * (500 * 1024 + 1), 413, "too_large", "more than 512000 bytes"),
    ],
)
def test_a_bad_request_is_refused_whole(client, _case, body, status, code, message):
    answer = post(client, "/api/v1/events/", body, bearer(Scope.EVENTS_WRITE))

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert message in answer.json()["message"]
    assert not Event.objects.exists()


def test_a_batch_of_the_largest_size_is_taken(client):
    frame = len(json.dumps({"events": [track("m00")] * 20}))
    padding = "x" * ((500 * 1024 - frame) // 20 - 20)
    events = [track(f"m{number:02}", properties={"product_id": padding}) for number in range(20)]

    answer = post(client, "/api/v1/events/", {"events": events}, bearer(Scope.EVENTS_WRITE))

    assert answer.json()["accepted"] == 20


def test_products_are_written_and_the_bad_ones_named(client):
    headers = bearer(Scope.PRODUCTS_WRITE)
    products = [{"sku": "a", "name": "Tea", "price": "1.50"}, {"sku": "b"}, 5]
    products.append({"sku": "c", "name": "x", "attributes": {"a": {"b": "\0"}}})

    answer = post(client, "/api/v1/products/", {"products": products}, headers)

    assert answer.json() == {
        "created": 1,
        "updated": 0,
        "rejected": [
            {"index": 1, "sku": "b", "field": "name", "message": "This field is required."},
            {
                "index": 2,
                "sku": "",
                "field": "non_field_errors",
                "message": "Invalid data. Expected a dictionary, but got int.",
            },
            {
                "index": 3,
                "sku": "c",
                "field": "attributes.a.b",
                "message": "holds a NUL character",
            },
        ],
    }
    assert str(Product.objects.get(sku="a").price) == "1.50"


@pytest.mark.parametrize("path", ["/api/v1/events/", "/api/v1/products/"])
def test_a_key_without_the_scope_is_refused(client, path):
    answer = post(client, path, {"events": [track("m1")]}, bearer(Scope.CUSTOMERS_READ))

    assert answer.status_code == 403
    assert answer.json()["code"] == "permission_denied"
    assert not Event.objects.exists()
