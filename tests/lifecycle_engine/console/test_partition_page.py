"""The page on which staff see the months of the log."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from lifecycle_engine.events.models import Event, QuarantinedEvent, Reader
from lifecycle_engine.events.partitions import partitions_forget
from lifecycle_engine.events.retention import partitions_list
from lifecycle_engine.events.services import events_ingest
from tests.factories.events import track

pytestmark = pytest.mark.django_db

AT = datetime(2017, 12, 15, tzinfo=UTC)


@pytest.fixture
def log(settings):
    settings.ENGINE_NOW = AT
    with connection.cursor() as cursor:
        for partition in partitions_list():
            cursor.execute(f"DROP TABLE {partition.name}")
        partitions_forget()
        moments = [datetime(2017, month, 5, tzinfo=UTC) for month in (8, 12)]
        items = [track(f"{at:%m}", timestamp=at.isoformat()) for at in moments]
        events_ingest(source="shop", items=items, received_at=AT)
        cursor.execute("ANALYZE events_event_2017_08")
    yield
    partitions_forget()


def test_each_month_is_there_with_its_estimate_and_size(admin_client, log):
    page = admin_client.get(reverse("log-months")).text

    assert page.index("December 2017") < page.index("August 2017")
    assert "≈ 1" in page
    assert "not estimated yet" in page
    assert "EVENT_RETENTION_MONTHS is not set" in page
    assert page.count(">kept<") == 2


def test_staff_are_told_what_holds_a_month_up(admin_client, log, settings):
    settings.EVENT_RETENTION_MONTHS = 2

    assert "No log reader has begun to read." in admin_client.get(reverse("log-months")).text
    reader = Reader.objects.create(name="slow")
    event = Event.objects.get(message_id="08")
    QuarantinedEvent.objects.create(
        reader=reader, event_id=event.pk, txid=event.txid, occurred_at=event.occurred_at, error="e"
    )
    page = admin_client.get(reverse("log-months")).text
    assert "October 2017 are refused" in page
    assert "old enough, but held up" in page
    assert "Log reader slow has not read all of it." in page
    assert "An event of it is in quarantine" in page

    QuarantinedEvent.objects.all().delete()
    Reader.objects.update(txid=event.txid + 1)
    assert "goes with the next sweep" in admin_client.get(reverse("log-months")).text


def test_an_empty_log_says_so(admin_client, log):
    with connection.cursor() as cursor:
        for partition in partitions_list():
            cursor.execute(f"DROP TABLE {partition.name}")

    assert "No event has come in yet." in admin_client.get(reverse("log-months")).text


def test_who_may_not_see_readers_may_not_see_this(client, log):
    client.force_login(User.objects.create(username="u", is_staff=True))

    assert client.get(reverse("log-months")).status_code == 403
    assert "log-months" not in client.get(reverse("admin:index")).text
