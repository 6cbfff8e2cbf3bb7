"""The pages on which staff see the log's readers and resolve what is in quarantine."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from lifecycle_engine.core.words import duration_words
from lifecycle_engine.events.failures import QUARANTINE_ROOM
from lifecycle_engine.events.models import Event, QuarantinedEvent, Reader
from lifecycle_engine.events.quarantine import reader_handler_temporarily
from lifecycle_engine.events.services import events_ingest
from tests.factories.events import track

pytestmark = pytest.mark.django_db

DAY = datetime(2017, 3, 4, tzinfo=UTC)
ERROR = "ValueError: <script>alert(1)</script>"


@pytest.fixture
def reader():
    cache.clear()
    return Reader.objects.create(name="points")


@pytest.fixture
def quarantined(reader):
    events_ingest(source="shop", items=[track("m1")], received_at=DAY)
    event = Event.objects.get()
    return QuarantinedEvent.objects.create(
        reader=reader, event_id=event.pk, txid=event.txid, occurred_at=event.occurred_at,
        error=ERROR,
    )  # fmt: skip


def page_of(reader):
    return reverse("admin:events_reader_change", args=[reader.pk])


def test_the_list_and_the_dashboard_say_how_each_reader_is(admin_client, reader, quarantined):
    Reader.objects.update(stuck_at=timezone.now(), error=ERROR, failures=7)

    for url in (reverse("admin:events_reader_changelist"), reverse("admin:index")):
        page = admin_client.get(url).text
        assert "points" in page
        assert "stuck" in page
        assert "ValueError: &lt;script&gt;" in page
        assert page_of(reader) in page


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "reading"),
        ({"retry_at": DAY, "failures": 2, "error": ERROR}, "It tries again by itself."),
        ({"suspects": 8, "failures": 5, "error": ERROR}, "in ever smaller parts"),
        ({"stuck_at": DAY, "failures": 9, "error": ERROR}, "can&#x27;t leave an event out"),
    ],
)
def test_a_reader_s_page_says_what_its_state_means(admin_client, reader, columns, words):
    Reader.objects.update(**columns)

    page = admin_client.get(page_of(reader)).text

    assert words in page
    assert "<script>alert(1)" not in page
    assert ("Try again now" in page) is ("retry_at" in columns)


def test_a_reader_with_a_full_quarantine_says_that_it_is_broken(admin_client, reader):
    QuarantinedEvent.objects.bulk_create(
        QuarantinedEvent(
            reader=reader, event_id=f"00000000-0000-7000-8000-{number:012}", txid=1,
            occurred_at=DAY, error=ERROR,
        )
        for number in range(QUARANTINE_ROOM)
    )  # fmt: skip
    Reader.objects.update(stuck_at=DAY, error=ERROR)

    page = admin_client.get(page_of(reader)).text

    assert "100 events are in quarantine, so the fault is likely in the reader" in page
    assert "All of them" in page


def test_staff_let_a_waiting_reader_try_at_once(admin_client, reader):
    Reader.objects.update(retry_at=DAY, failures=3, error=ERROR)
    url = reverse("admin:events_reader_retry", args=[reader.pk])

    assert admin_client.get(url).status_code == 405
    assert Reader.objects.get().retry_at == DAY
    page = admin_client.post(url, follow=True).text

    assert "The reader tries again with its next turn" in page
    assert Reader.objects.get().retry_at is None


def test_staff_have_an_event_handled_after_all(admin_client, quarantined):
    url = reverse("admin:events_quarantinedevent_retry", args=[quarantined.pk])
    handled = []

    refused = admin_client.post(url, follow=True).text
    assert "Nothing is known that handles" in refused
    with reader_handler_temporarily("points", handled.append):
        page = admin_client.post(url, follow=True).text

    assert "The event was handled." in page
    assert [batch.upto_id for batch in handled] == [quarantined.event_id]
    quarantined.refresh_from_db()
    assert (quarantined.state, quarantined.resolved_by) == ("handled", "admin")


def test_staff_dismiss_an_event_with_a_reason(admin_client, quarantined):
    url = reverse("admin:events_quarantinedevent_dismiss", args=[quarantined.pk])

    assert "A reason of 1 to 500" in admin_client.post(url, {"reason": " "}, follow=True).text
    quarantined.refresh_from_db()
    assert quarantined.state == "open"
    page = admin_client.post(url, {"reason": "a <b>test</b>"}, follow=True).text

    assert "The event was dismissed." in page
    assert "a &lt;b&gt;test&lt;/b&gt;" in page


def test_who_may_only_look_can_not_act(client, quarantined):
    user = User.objects.create(username="eve", is_staff=True)
    user.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_reader", "view_quarantinedevent"])
    )
    client.force_login(user)

    assert "Dismiss…" not in client.get(page_of(quarantined.reader)).text
    for name, pk in (
        ("events_reader_retry", quarantined.reader_id),
        ("events_quarantinedevent_retry", quarantined.pk),
        ("events_quarantinedevent_dismiss", quarantined.pk),
    ):
        response = client.post(reverse(f"admin:{name}", args=[pk]), {"reason": "x"})
        assert response.status_code == 403
    quarantined.refresh_from_db()
    assert quarantined.state == "open"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"),
     (172_800, "2 days")],
)  # fmt: skip
def test_durations_in_words(seconds, words):
    assert duration_words(seconds) == words
