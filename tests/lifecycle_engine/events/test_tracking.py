"""The Segment tracking API, as the clients that are out there call it."""

import base64
import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import ApiKeyAddressError, ApiKeyLimitError, api_key_create
from lifecycle_engine.customers.models import Customer, Identifier
from lifecycle_engine.events import tracking
from lifecycle_engine.events.items import Sending, item_read
from lifecycle_engine.events.models import Event, RejectedEvent
from tests.factories.events import identify, track

pytestmark = pytest.mark.django_db

KINDS = "track, identify, page, screen, group, alias"
RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def key():
    return api_key_create(name="shop", scopes=[Scope.EVENTS_WRITE])[1]


@pytest.fixture
def send(client, key):
    """Send a body as a client does, by default with the key as user of Basic authentication."""

    def sent(call, body, *, authorization=None, content_type="application/json", **headers):
        if authorization is None:
            authorization = f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if authorization:
            headers["Authorization"] = authorization
        return client.post(f"/v1/{call}", data, content_type=content_type, headers=headers)

    return sent


def stored():
    return {
        event.message_id: (event.name, event.properties) for event in Event.objects.order_by("id")
    }


@pytest.mark.parametrize(
    ("calls", "body", "name", "properties"),
    [
        ("track t", {"event": "Product Viewed", "properties": {"sku": "1"}},
         "Product Viewed", {"sku": "1"}),
        ("identify i", {"traits": {"plan": "gold"}}, "Customer Identified", {"plan": "gold"}),
        ("page p", {"name": "Home", "properties": {"path": "/"}},
         "Page Viewed", {"name": "Home", "path": "/"}),
        ("page p", {"name": "Home", "category": "Start", "properties": {"name": "Own"}},
         "Page Viewed", {"name": "Own", "category": "Start"}),
        ("screen s", {"name": "Cart"}, "Screen Viewed", {"name": "Cart"}),
        ("group g", {"groupId": 7, "traits": {"seats": 3}},
         "Group Joined", {"groupId": "7", "seats": 3}),
        ("alias a", {"previousId": "anon"}, "Customer Aliased", {"previousId": "anon"}),
    ],
)  # fmt: skip
def test_each_call_is_an_event(send, calls, body, name, properties):
    for call in calls.split():
        answer = send(call, {"messageId": call, "userId": "u", **body})
        assert (answer.status_code, answer.json()["success"]) == (200, True), answer.content

    assert stored() == dict.fromkeys(calls.split(), (name, properties))


@pytest.mark.parametrize("call", ["batch", "b"])
def test_one_bad_event_of_a_batch_stops_no_other(send, call):
    items = [track("first"), {"type": "track", "messageId": "bad", "userId": "u"}, track("last")]

    answer = send(call, {"batch": items})

    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "accepted": 2,
        "duplicates": 0,
        "rejected": [
            {"index": 1, "messageId": "bad", "field": "event", "message": "event is missing"}
        ],
    }
    assert set(stored()) == {"first", "last"}


def test_a_number_that_the_database_can_not_hold_stops_no_other(send):
    items = [json.dumps(track(str(number))).encode() for number in range(5)]
    items[3] = items[3].replace(b'"sku-1"', b"0." + b"0" * 20_000 + b"1")

    answer = send("batch", b'{"batch": [' + b",".join(items) + b"]}")

    (rejected,) = answer.json()["rejected"]
    assert (answer.status_code, answer.json()["accepted"]) == (200, 4)
    assert (rejected["index"], rejected["messageId"], rejected["field"]) == (3, "3", "item")
    assert set(stored()) == {"0", "1", "2", "4"}


def test_what_is_sent_again_is_stored_once(send):
    for _ in range(2):
        answer = send("batch", {"batch": [track("a"), track("b")]})

    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (0, 2)
    assert len(stored()) == 2


def test_more_events_than_a_batch_may_have_are_rejected(send, monkeypatch):
    monkeypatch.setattr(tracking, "BATCH_LIMIT", 2)

    answer = send("batch", {"batch": [track(str(number)) for number in range(5)]})

    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)
    message = "batch has 3 events more than the limit of 2"
    assert [r["message"] for r in answer.json()["rejected"]] == [message]


def test_a_single_event_that_is_wrong_is_an_error(send):
    answer = send("track", {"messageId": "m", "userId": "u"})

    assert answer.status_code == 400
    assert answer.json() == {"success": False, "code": "invalid", "message": "event is missing"}
    assert stored() == {}


def test_an_event_without_an_id_is_given_one(send):
    answer = send("track", {"userId": "u", "event": "Seen"})

    assert answer.json()["accepted"] == 1
    assert len(next(iter(stored()))) == 32


@pytest.mark.parametrize("where", ["basic", "basic without colon", "body", "both", "bearer"])
def test_the_key_may_come_in_any_of_the_usual_places(send, key, where):
    encoded = {
        "basic": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}",
        "basic without colon": f"Basic {base64.b64encode(key.encode()).decode()}",
        "both": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}",
        "bearer": f"Bearer {key}",
    }
    body = {"batch": [track("m")]} | ({"writeKey": key} if where in {"body", "both"} else {})

    answer = send("batch", body, authorization=encoded.get(where, ""))

    assert answer.json()["accepted"] == 1
    assert Event.objects.get().source == "api:shop"


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("none", 401, "unauthorized"),
        ("unknown", 401, "unauthorized"),
        ("not base64", 401, "unauthorized"),
        ("another in the body", 401, "unauthorized"),
        ("without the scope", 403, "forbidden"),
    ],
)
def test_without_a_good_key_nothing_is_taken(send, case, status, code):
    body = {"batch": [track("m")]}
    reader = api_key_create(name="reader", scopes=[Scope.SEGMENTS_READ])[1]
    authorization = {
        "none": "",
        "unknown": "Bearer le_0000000000_x",
        "not base64": "Basic %%%",
        "without the scope": f"Bearer {reader}",
    }.get(case)
    if case == "another in the body":
        body["writeKey"] = reader

    answer = send("batch", body, authorization=authorization)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert stored() == {}


def test_a_compressed_body_is_taken_whatever_its_type_is_called(send):
    body = gzip.compress(json.dumps({"batch": [track("m")]}).encode())

    answer = send(
        "batch",
        body,
        content_type="application/x-www-form-urlencoded",
        Content_Encoding="gzip",
    )

    assert answer.json()["accepted"] == 1


ZIPPED = {"Content_Encoding": "gzip"}
UNREADABLE = {
    "cut off": (b"{", {}, "invalid", "The body is not JSON"),
    "a list": (b"[]", {}, "invalid", "The body wants an object"),
    "no batch": (b"{}", {}, "invalid", "batch is missing"),
    "batch is a number": (b'{"batch": 5}', {}, "invalid", "The body wants an object"),
    "too deep": (b"[" * 100_000, {}, "invalid", "The body"),
    "too large": (b" " * 5_000_000, {}, "too_large", "The body has more than 4194304 bytes"),
    "not gzip": (b"{}", ZIPPED, "invalid", "The body is not gzip"),
    "half a gzip": (gzip.compress(b"{}")[:-9], ZIPPED, "invalid", "ends too early"),
    "brotli": (b"{}", {"Content_Encoding": "br"}, "invalid", "'br' is not gzip"),
    "two gzips": (zlib.compress(b"{}", wbits=31) * 2, ZIPPED, "invalid", "batch is"),
}


@pytest.mark.parametrize(
    # By name: an id made of the bytes would be long, and gzip writes the time into them.
    ("body", "headers", "code", "message"),
    UNREADABLE.values(),
    ids=UNREADABLE,
)
def test_a_body_that_can_not_be_read_is_an_error(send, body, headers, code, message):
    answer = send("batch", body, **headers)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert message in answer.json()["message"]


def test_a_bomb_is_inflated_no_further_than_the_limit(send, monkeypatch):
    bomb = gzip.compress(b" " * 100_000_000)
    grown = []
    inflater = zlib.decompressobj

    class Watched:
        def __init__(self, wbits):
            self.inner = inflater(wbits=wbits)

        def decompress(self, data, limit):
            grown.append(len(found := self.inner.decompress(data, limit)))
            return found

        @property
        def eof(self):
            return self.inner.eof

    monkeypatch.setattr(tracking.zlib, "decompressobj", Watched)

    answer = send("batch", bomb, Content_Encoding="gzip")

    assert (answer.status_code, answer.json()["code"]) == (400, "too_large")
    assert grown == [tracking.BODY_LIMIT + 1]


def test_a_large_batch_of_a_careless_client_is_taken(send):
    filler = "x" * 5_000
    items = [track(str(number), properties={"filler": filler}) for number in range(99)]
    body = json.dumps({"batch": items}).encode()
    body += b" " * (507_867 - len(body))

    assert send("batch", body).json()["accepted"] == 99


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (OperationalError("gone"), 503, {"Retry-After": "5"}),
        (ApiKeyLimitError("too many", retry_after=7, reset_after=9), 429,
         {"Retry-After": "7", "X-RateLimit-Reset": "9"}),
        (ApiKeyAddressError("not from there"), 403, {}),
    ],
)  # fmt: skip
def test_trouble_is_answered_so_that_clients_do_the_right_thing(
    send, monkeypatch, error, status, headers
):
    def fail(*_arguments, **_named):
        raise error

    monkeypatch.setattr(tracking, "api_key_admit", fail)

    answer = send("batch", {"batch": [track("m")]})

    assert answer.status_code == status
    assert {name: answer.headers[name] for name in headers} == headers
    assert set(answer.json()) == {"success", "code", "message"}


def test_browsers_of_other_sites_may_send(client, send):
    asked = client.options("/v1/t", headers={"Access-Control-Request-Method": "POST"})
    answer = send("t", {"userId": "u", "event": "Seen"}, content_type="text/plain")

    for response in (asked, answer):
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    allowed = asked.headers["Access-Control-Allow-Headers"]
    assert {"authorization", "content-type", "x-retry-count"} <= set(allowed.split(", "))


def test_a_browser_is_told_where_to_send(client):
    answer = client.get("/v1/projects/some-key/settings")

    settings = answer.json()["integrations"]["Segment.io"]
    assert settings == {"apiKey": "some-key", "apiHost": "testserver/v1"}


def test_get_is_no_way_to_send(client):
    answer = client.get("/v1/track")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_an_alias_makes_an_anonymous_id_the_customer_s(send):
    send("alias", {"userId": "u", "previousId": "anon"})
    send("track", {"anonymousId": "anon", "event": "Seen"})

    customer = Customer.objects.get()
    assert customer.external_id == "u"
    assert set(Identifier.objects.values_list("value", flat=True)) == {"u", "anon"}
    assert set(Event.objects.values_list("customer_id", flat=True)) == {customer.pk}


def test_the_campaign_of_a_batch_is_that_of_its_events(send):
    own = track("own", context={"campaign": {"name": "spring"}})

    send("batch", {"context": {"campaign": {"name": "all"}}, "batch": [own, track("other")]})

    campaigns = dict(Event.objects.values_list("message_id", "campaign"))
    assert campaigns == {"own": "spring", "other": "all"}


def test_traits_may_stand_in_the_context(send):
    send("identify", {"userId": "u", "context": {"traits": {"email": "u@example.com"}}})

    assert Customer.objects.get().email == "u@example.com"


@given(
    st.timedeltas(timedelta(days=-3000), timedelta(days=3000)),
    st.timedeltas(timedelta(), timedelta(days=400)),
)
def test_a_wrong_clock_changes_no_time(shift, delay):
    happened = RECEIVED - delay
    told = track("m", timestamp=(happened + shift).isoformat())

    item = item_read(
        told, received_at=RECEIVED, sending=Sending(sent_at=(RECEIVED + shift).isoformat())
    )

    assert item.occurred_at == happened


@pytest.mark.parametrize(
    ("said", "sent_at", "occurred_at"),
    [
        ({}, None, "2017-03-04T05:06:07+00:00"),
        ({"timestamp": None}, None, RECEIVED.isoformat()),
        ({"timestamp": None, "originalTimestamp": "2026-03-01T11:00:00Z"},
         "2026-03-01T13:00:00Z", "2026-03-01T10:00:00+00:00"),
        # It was set right by a server before us.
        ({"timestamp": "2026-03-01T11:00:00Z", "originalTimestamp": "2020-01-01T00:00:00Z"},
         "2026-03-01T13:00:00Z", "2026-03-01T11:00:00+00:00"),
        # Nothing happens after it was received.
        ({"timestamp": "2026-03-01T14:00:00Z"}, "2026-03-01T13:00:00Z", RECEIVED.isoformat()),
        ({"timestamp": "2026-03-01T11:00:00Z", "sentAt": "2026-03-01T11:30:00Z"},
         "2026-03-01T13:00:00Z", "2026-03-01T11:30:00+00:00"),
    ],
)  # fmt: skip
def test_the_time_is_by_our_clock(said, sent_at, occurred_at):
    item = item_read(track("m", **said), received_at=RECEIVED, sending=Sending(sent_at=sent_at))

    assert item.occurred_at.isoformat() == occurred_at


def test_the_times_by_the_client_s_clock_are_kept_too(send):
    hour = "2020-01-01T{}:00:00+00:00".format
    items = [
        track("skewed", timestamp=hour("01")),
        track("passed on", timestamp=hour("02"), originalTimestamp=hour("03")),
        track("silent", timestamp=None),
    ]
    assert send("batch", {"batch": items, "sentAt": hour("04")}).json()["rejected"] == []
    assert send("track", track("bare", timestamp=hour("05"))).status_code == 200
    assert send("track", track("odd", timestamp=None, sentAt="noon")).status_code == 200

    stored = {
        event.message_id: tuple(
            time and time.isoformat() for time in (event.original_timestamp, event.sent_at)
        )
        for event in Event.objects.all()
    }
    assert stored == {
        "skewed": (hour("01"), hour("04")),
        "passed on": (hour("03"), hour("04")),
        "silent": (None, hour("04")),
        "bare": (hour("05"), None),
        "odd": (None, None),
    }


def test_identify_of_another_client_is_read_alike(send):
    send("batch", {"batch": [identify("m", email="a@example.com")]})

    assert Customer.objects.get().email == "a@example.com"


@pytest.mark.parametrize(
    "said",
    [r'"\\u0000"', r'"a\u0000b"', "7", '{"a": [1]}', "[" * 300 + "]" * 300, f'"{"x" * 9999}"'],
)
def test_whatever_a_request_says_of_itself_its_bad_events_are_kept(send, said):
    bad = json.dumps({"messageId": "bad", "userId": "u"})

    body = '{"sentAt": %s, "context": {"campaign": {"name": %s}}, "batch": [%s]}'
    answer = send("batch", (body % (said, said, bad)).encode())

    assert (answer.status_code, answer.json()["accepted"]) == (200, 0)
    assert RejectedEvent.objects.get().message == "type is missing; it wants one of " + KINDS
