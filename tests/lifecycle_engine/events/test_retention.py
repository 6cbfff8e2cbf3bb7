"""Old months leave the log once everybody has read them, and nobody has to wait for it."""

import threading
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection, connections, transaction

from lifecycle_engine.events import retention
from lifecycle_engine.events.models import Event, QuarantinedEvent, Reader, RejectedEvent
from lifecycle_engine.events.partitions import partitions_ensure, partitions_forget
from lifecycle_engine.events.readers import reader_advance
from lifecycle_engine.events.retention import (
    Hold,
    log_floor,
    log_retire,
    partitions_expired,
    partitions_list,
)
from lifecycle_engine.events.services import events_ingest
from tests.factories.events import track

NOW = datetime(2017, 12, 15, tzinfo=UTC)
AUGUST, SEPTEMBER = date(2017, 8, 1), date(2017, 9, 1)
PATIENCE = 20

pytestmark = pytest.mark.django_db(transaction=True)


def stored(*moments):
    """One event of each moment, named by its month."""
    items = [track(f"{at:%m}", timestamp=at.isoformat()) for at in moments]
    assert events_ingest(source="shop", items=items, received_at=NOW).accepted == len(items)


@pytest.fixture
def log(settings):
    """Events from August to December; October and later are kept."""
    settings.EVENT_RETENTION_MONTHS = None
    with connection.cursor() as cursor:
        # Other tests leave months behind, without their events.
        for partition in partitions_list():
            cursor.execute(f"DROP TABLE {partition.name}")
    partitions_forget()
    stored(*(datetime(2017, month, 3, tzinfo=UTC) for month in range(8, 13)))
    settings.EVENT_RETENTION_MONTHS = 2
    yield
    # Whatever a test left detached.
    for partition in partitions_list():
        if not partition.attached:
            retention.partition_attach(partition.month)


def read_all(name="everything"):
    while reader_advance(name, lambda _batch: None).rows:
        pass


def months_stored():
    return sorted(Event.objects.values_list("message_id", flat=True))


def months_attached():
    return {partition.month for partition in partitions_list() if partition.attached}


@contextmanager
def another_connection(**options):
    name = connection.settings_dict["NAME"]
    url = psycopg.conninfo.make_conninfo(django_settings.DATABASE_URL, dbname=name)
    with psycopg.connect(url, **options) as other:
        yield other


@pytest.mark.parametrize(
    ("months", "at", "floor"),
    [
        (None, NOW, None),
        (1, NOW, datetime(2017, 11, 1, tzinfo=UTC)),
        (12, NOW, datetime(2016, 12, 1, tzinfo=UTC)),
        (1, datetime(2018, 1, 31, 23, 59, tzinfo=UTC), datetime(2017, 12, 1, tzinfo=UTC)),
        # In UTC it is January already.
        (1, datetime.fromisoformat("2017-12-31T20:00-05:00"), datetime(2017, 12, 1, tzinfo=UTC)),
    ],
)
def test_the_log_begins_with_a_month(settings, months, at, floor):
    settings.EVENT_RETENTION_MONTHS = months

    assert log_floor(at=at) == floor


def test_what_is_older_is_refused_with_its_time(log):
    late = track("late", timestamp="2017-09-30T23:59:59Z")
    result = events_ingest(source="shop", items=[late, track("new", timestamp="2017-10-01T00:00Z")],
                           received_at=NOW)  # fmt: skip

    assert result.accepted == 1
    (rejection,) = result.rejected
    assert (rejection.index, rejection.message_id, rejection.field) == (0, "late", "timestamp")
    assert rejection.message == (
        "timestamp is 2017-09-30T23:59:59+00:00, before the log begins: 2017-10-01"
    )
    assert RejectedEvent.objects.get().message == rejection.message


def test_months_that_all_have_read_are_dropped(log):
    read_all("one")
    read_all("two")

    assert log_retire(at=NOW).dropped == [AUGUST, SEPTEMBER]
    assert months_stored() == ["10", "11", "12"]
    assert not {AUGUST, SEPTEMBER} & {partition.month for partition in partitions_list()}
    assert log_retire(at=NOW).dropped == []


def test_without_a_setting_everything_is_kept(log, settings):
    settings.EVENT_RETENTION_MONTHS = None
    read_all()

    assert log_retire(at=NOW) == retention.Retirement([], {})
    assert months_stored() == ["08", "09", "10", "11", "12"]


def test_a_month_goes_a_day_after_its_events_are_refused(log):
    read_all()
    midnight = datetime(2018, 1, 1, tzinfo=UTC)

    assert log_floor(at=midnight) == datetime(2017, 11, 1, tzinfo=UTC)
    before = partitions_expired(at=midnight + timedelta(hours=23, minutes=59))
    after = partitions_expired(at=midnight + timedelta(days=1))
    assert [part.month for part in before][-2:] == [AUGUST, SEPTEMBER]
    assert [part.month for part in after][-2:] == [SEPTEMBER, date(2017, 10, 1)]


def test_a_reader_that_lags_holds_months_up(log):
    read_all("quick")
    Reader.objects.create(name="slow")

    result = log_retire(at=NOW)

    assert result.dropped == []
    assert result.held == dict.fromkeys([AUGUST, SEPTEMBER], Hold(readers=("slow",)))
    assert months_stored() == ["08", "09", "10", "11", "12"]
    read_all("slow")
    assert log_retire(at=NOW).dropped == [AUGUST, SEPTEMBER]


def test_when_nobody_has_begun_to_read_nothing_goes(log):
    assert log_retire(at=NOW).held == dict.fromkeys([AUGUST, SEPTEMBER], Hold(unread=True))
    assert len(months_stored()) == 5


def test_an_event_in_quarantine_holds_its_month_up(log):
    read_all()
    event = Event.objects.get(message_id="09")
    QuarantinedEvent.objects.create(
        reader=Reader.objects.get(), event_id=event.pk, txid=event.txid,
        occurred_at=event.occurred_at, error="bad",
    )  # fmt: skip

    result = log_retire(at=NOW)

    assert (result.dropped, result.held) == ([AUGUST], {SEPTEMBER: Hold(quarantined=True)})
    QuarantinedEvent.objects.update(state="dismissed")
    assert log_retire(at=NOW).dropped == [SEPTEMBER]


def test_writers_go_on_while_a_month_is_detached(log):
    read_all()
    partitions_ensure(months=[NOW])
    done = []

    def retire():
        done.append(log_retire(at=NOW))
        connections.close_all()

    with another_connection() as reading, another_connection(autocommit=True) as writing:
        reading.execute("SELECT count(*) FROM events_event")
        writing.execute("SET lock_timeout = '500ms'")
        thread = threading.Thread(target=retire)
        thread.start()
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not writing.execute(waits).fetchone()[0]:
            assert thread.is_alive()
        # It waits for the reader, and in its turn keeps nobody waiting.
        writing.execute(
            "INSERT INTO events_event (id, source, message_id, customer_id, name, properties,"
            " occurred_at) VALUES (gen_random_uuid(), 'shop', 'meanwhile', 1, 'E', '{}', %s)",
            [NOW],
        )
        assert writing.execute("SELECT count(*) FROM events_event").fetchone()[0] >= 4
        reading.rollback()
        thread.join(PATIENCE)

    assert done[0].dropped == [AUGUST, SEPTEMBER]
    assert months_stored() == ["10", "11", "12", "meanwhile"]


def test_what_an_interrupted_sweep_left_is_finished(log, monkeypatch):
    read_all()
    monkeypatch.setattr(retention, "_LOCK_WAIT", "100ms")
    with another_connection() as reading:
        reading.execute("SELECT count(*) FROM events_event")
        result = log_retire(at=NOW)
    assert result.held[AUGUST] == Hold(busy=True)
    (august,) = (part for part in partitions_list() if part.month == AUGUST)
    assert august.detaching

    assert log_retire(at=NOW).dropped == [AUGUST, SEPTEMBER]


def test_a_month_that_was_detached_and_not_dropped_is_dropped(log):
    read_all()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_event DETACH PARTITION events_event_2017_08")

    assert log_retire(at=NOW).dropped == [AUGUST, SEPTEMBER]
    assert AUGUST not in {partition.month for partition in partitions_list()}


def test_what_came_in_at_the_last_moment_is_not_lost(log, monkeypatch):
    read_all()
    looked = []

    def hold(partition):
        # Once everybody was through; then somebody was sent back.
        looked.append(partition.month)
        return Hold() if len(looked) % 2 else Hold(readers=("everything",))

    monkeypatch.setattr(retention, "partition_hold", hold)

    result = log_retire(at=NOW)

    assert (result.dropped, set(result.held)) == ([], {AUGUST, SEPTEMBER})
    assert {AUGUST, SEPTEMBER} <= months_attached()
    assert months_stored() == ["08", "09", "10", "11", "12"]


def test_in_a_transaction_nothing_is_dropped(log):
    with transaction.atomic(), pytest.raises(RuntimeError, match="in a transaction"):
        log_retire(at=NOW)
