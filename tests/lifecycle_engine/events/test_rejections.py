"""Refused events are kept with the reason, can be taken in after all, and go after a while."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from lifecycle_engine.events import items, rejections
from lifecycle_engine.events.items import Sending
from lifecycle_engine.events.models import Event, EventReceipt, RejectedEvent
from lifecycle_engine.events.services import events_ingest, log_sweep, rejected_replay
from tests.factories.events import track

pytestmark = pytest.mark.django_db

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def strict(monkeypatch):
    """While it is on, no name of an event is short enough; call it to switch it off."""
    monkeypatch.setattr(items, "_NAME_LIMIT", 5)
    return monkeypatch.undo


def ingest(*sent, sending=items.NOTHING_SAID, source="shop"):
    return events_ingest(source=source, items=sent, received_at=RECEIVED, sending=sending)


def test_a_refused_event_is_kept_with_the_reason():
    ingest(track("good"), track("bad", event="x" * 201))

    (kept,) = RejectedEvent.objects.all()
    assert (kept.source, kept.message_id, kept.field) == ("shop", "bad", "event")
    assert kept.message.startswith("event has 201 characters, the limit is 200")
    assert ("x" * 201 in kept.item, kept.received_at) == (True, RECEIVED)


def test_it_is_kept_once_however_often_it_is_sent():
    for _ in range(3):
        ingest(track("bad", event=""))

    assert RejectedEvent.objects.count() == 1


def test_what_postgresql_can_not_hold_is_kept_as_far_as_it_can():
    ingest(
        b'{"messageId": "a\\u0000", "type": "\xff"}', {"messageId": "\ud800\0", "type": 5}, b"\0"
    )

    assert RejectedEvent.objects.count() == 3
    assert all("\0" not in kept.item for kept in RejectedEvent.objects.all())


def test_a_flood_is_kept_in_part(monkeypatch):
    monkeypatch.setattr(rejections, "KEPT_PER_REQUEST", 2)

    result = ingest(*(track(str(number), event="") for number in range(5)))

    assert len(result.rejected) == 5
    assert RejectedEvent.objects.count() == 2


def test_what_is_right_by_now_is_taken_in_as_of_when_it_was_sent(strict):
    sending = Sending(sent_at="2026-03-01T13:00:00Z", kind="track")
    sent = track("late", timestamp="2026-03-01T12:30:00Z")
    del sent["type"]
    ingest(sent, track("hopeless", event=""), sending=sending)
    ids = list(RejectedEvent.objects.values_list("pk", flat=True))

    strict()
    result = rejected_replay(ids=[*ids, 999_999])

    assert (result.taken, result.refused) == (1, 1)
    event = Event.objects.get()
    assert (event.name, event.source, event.received_at) == ("Product Viewed", "shop", RECEIVED)
    assert event.occurred_at == RECEIVED - timedelta(minutes=30)
    (left,) = RejectedEvent.objects.all()
    assert (left.message_id, left.message) == ("hopeless", "event is missing")


def test_what_was_taken_in_meanwhile_is_not_taken_in_twice(strict):
    ingest(track("m"))
    strict()
    ingest(track("m"))

    result = rejected_replay(ids=list(RejectedEvent.objects.values_list("pk", flat=True)))

    assert (result.taken, Event.objects.count(), RejectedEvent.objects.count()) == (1, 1, 0)


def test_what_has_been_kept_long_enough_goes():
    ingest(track("bad", event=""), track("good"))
    ingest(track("new-bad", event="", properties={}), track("new-good"), source="other")
    long_ago = datetime.now(UTC) - timedelta(days=31)
    EventReceipt.objects.filter(source="shop").update(received_at=long_ago)
    EventReceipt.objects.filter(source="other").update(received_at=datetime.now(UTC))
    EventReceipt.objects.create(source="engine", message_id="done", received_at=long_ago)
    RejectedEvent.objects.filter(source="other").update(received_at=datetime.now(UTC))
    RejectedEvent.objects.filter(source="shop").update(received_at=long_ago)

    assert log_sweep() == 2

    assert set(RejectedEvent.objects.values_list("source", flat=True)) == {"other"}
    assert set(EventReceipt.objects.values_list("source", flat=True)) == {"other", "engine"}


def test_staff_take_events_in_again(admin_client, strict):
    ingest(track("m"), track("n", event=""))
    strict()
    page = reverse("admin:events_rejectedevent_changelist")
    chosen = list(RejectedEvent.objects.values_list("pk", flat=True))

    shown = admin_client.get(page)
    answer = admin_client.post(
        page, {"action": "replay", "_selected_action": chosen}, follow=True
    ).content.decode()

    assert "event is missing" in shown.content.decode()
    assert "1 event was taken in." in answer
    assert "1 event was refused again." in answer
    assert [event.message_id for event in Event.objects.all()] == ["m"]


def test_staff_without_the_permission_may_look_only(client, django_user_model):
    ingest(track("m", event=""))
    viewer = django_user_model.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_rejectedevent"))
    client.force_login(viewer)
    page = reverse("admin:events_rejectedevent_changelist")
    chosen = list(RejectedEvent.objects.values_list("pk", flat=True))

    assert "event is missing" in client.get(page).content.decode()
    client.post(page, {"action": "replay", "_selected_action": chosen})

    assert RejectedEvent.objects.count() == 1
