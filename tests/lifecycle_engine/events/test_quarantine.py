"""A reader whose batch fails waits, finds the event that fails, and passes it alone."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import django.db
import psycopg
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events import failures, quarantine, readers
from lifecycle_engine.events.failures import (
    FAILURES_TO_BLAME,
    FIRST_WAIT,
    LONGEST_WAIT,
    failure_follow_up,
    failure_is_transient,
    failure_text,
)
from lifecycle_engine.events.models import Event, QuarantinedEvent, Reader
from lifecycle_engine.events.quarantine import (
    QuarantineError,
    ReaderHandlerError,
    quarantined_dismiss,
    quarantined_retry,
    reader_handler,
    reader_handler_temporarily,
    reader_retries,
)
from lifecycle_engine.events.readers import (
    batch_events,
    reader_advance,
    reader_retry_now,
    reader_waits,
    readers_lag,
)
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.sdk.errors import TransientError
from tests.factories.events import track

# Only what is committed can be read, so these tests commit.
pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime(2017, 3, 4, tzinfo=UTC)


class Handler:
    """Writes a customer for each event, and fails at those whose message id it is told."""

    def __init__(self, *poison, error=ValueError):
        self.poison, self.error, self.sizes = set(poison), error, []

    def __call__(self, batch):
        self.sizes.append(batch.count)
        known = dict(Event.objects.values_list("id", "message_id"))
        for event in batch_events(batch):
            Customer.objects.create(external_id=f"effect {known[event.id]}")
            if known[event.id] in self.poison:
                raise self.error(f"can't read {known[event.id]}")


def ingest(*message_ids):
    items = [track(message_id) for message_id in message_ids]
    events_ingest(source="shop", items=items, received_at=DAY)


def effects():
    found = Customer.objects.filter(external_id__startswith="effect ")
    return sorted(found.values_list("external_id", flat=True))


def effects_of(*message_ids):
    return sorted(f"effect {message_id}" for message_id in message_ids)


def turns(handler, *, limit=100):
    """Have the reader read until nothing is left, whatever fails; returns how often it failed."""
    failed = 0
    for _ in range(200):
        reader_retry_now("test")
        try:
            if not reader_advance("test", handler, limit).rows:
                return failed
        except handler.error:
            failed += 1
    raise AssertionError("The reader never gets through")


def quarantined_make():
    """An event in quarantine, with its reader past it."""
    ingest("m1", "bad")
    turns(Handler("bad"))
    return QuarantinedEvent.objects.get()


def test_after_a_failure_it_waits_twice_as_long_each_time_and_says_so():
    ingest("m1")
    handler = Handler("m1")
    waits = []

    for _ in range(3):
        with pytest.raises(ValueError, match="can't read m1"):
            reader_advance("test", handler)
        reader = Reader.objects.get(name="test")
        waits.append(reader.retry_at - reader.failed_at)
        # when it is called before its time it does nothing
        assert reader_advance("test", handler).retry_at == reader.retry_at
        assert reader_waits("test") == reader.retry_at
        reader_retry_now("test")

    assert waits == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert handler.sizes == [1, 1, 1]
    assert effects() == []
    assert Reader.objects.get(name="test").error == "ValueError: can't read m1"


def test_it_reads_again_when_the_database_s_clock_says_so():
    ingest("m1")
    with pytest.raises(ValueError, match="can't read m1"):
        reader_advance("test", Handler("m1"))
    past = django.db.models.functions.Now() - timedelta(milliseconds=1)
    Reader.objects.update(retry_at=past)

    assert reader_advance("test", Handler()).rows == 1

    assert effects() == effects_of("m1")
    [lag] = readers_lag()
    assert (lag.state, lag.error, lag.failures, lag.retry_at) == ("reading", "", 0, None)


@pytest.mark.parametrize("poison", ["m0", "m11", "m23", "m24"])
def test_one_bad_event_is_found_and_passed_with_none_of_its_neighbours(poison):
    # given 25 events of which one can't be handled
    names = [f"m{number}" for number in range(25)]
    ingest(*names)
    handler = Handler(poison)

    # when
    failed = turns(handler)

    # then everything else was done once, and the one is in quarantine
    assert effects() == effects_of(*(set(names) - {poison}))
    [kept] = QuarantinedEvent.objects.all()
    bad = Event.objects.get(message_id=poison)
    assert (kept.reader.name, kept.event_id, kept.txid, kept.occurred_at, kept.state) == (
        "test", bad.pk, bad.txid, bad.occurred_at, "open",
    )  # fmt: skip
    assert kept.error == f"ValueError: can't read {poison}"
    reader = Reader.objects.get(name="test")
    assert (reader.read_total, reader.failures, reader.suspects, reader.error) == (24, 0, None, "")
    # and the search took no more tries than halving does; the last one quarantined
    assert failed <= FAILURES_TO_BLAME + 5
    assert handler.sizes[:6] == [25] * FAILURES_TO_BLAME + [12]


@given(
    size=st.integers(1, 12),
    data=st.data(),
)
@pytest.mark.parametrize("limit", [3, 100])
def test_follow_up_needs_no_database(size, data, limit):
    """Without the database: a reader of numbers, some of them bad, by the same rules."""
    bad = data.draw(st.sets(st.integers(0, size - 1)))
    done, quarantined, place = [], [], 0
    failed, blamed, suspects = 0, 0, None
    for _ in range(300):
        take = limit if suspects is None else min(limit, max(1, suspects // 2))
        batch = list(range(size))[place : place + take]
        if not batch:
            break
        if bad.isdisjoint(batch):
            done += batch
        else:
            following = failure_follow_up(
                failures=failed, blamed=blamed, suspects=suspects, count=len(batch),
                transient=False, divisible=True, room=True,
            )  # fmt: skip
            failed, blamed, suspects = following.failures, following.blamed, following.suspects
            if not following.quarantine:
                continue
            quarantined += batch
        place += len(batch)
        failed, blamed = 0, 0
        suspects = suspects - len(batch) if suspects and suspects > len(batch) else None

    assert (sorted(quarantined), sorted(done)) == (sorted(bad), sorted(set(range(size)) - bad))


def test_trouble_that_passes_is_never_held_against_the_batch():
    ingest("m1")
    handler = Handler("m1", error=django.db.OperationalError)

    for _ in range(3 * FAILURES_TO_BLAME):
        with pytest.raises(django.db.OperationalError):
            reader_advance("test", handler)
        assert reader_advance("test", handler).retry_at is not None
        reader_retry_now("test")

    [lag] = readers_lag()
    assert (lag.failures, lag.quarantined) == (3 * FAILURES_TO_BLAME, 0)
    assert reader_advance("test", Handler()).rows == 1


def test_a_database_that_goes_away_in_the_middle_takes_nothing_along():
    ingest("m1")

    def lose(batch):
        Customer.objects.create(external_id="effect m1")
        with psycopg.connect(**connection.get_connection_params()) as other:
            backend = connection.connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s)", [backend])
        Customer.objects.count()

    for _ in range(2 * FAILURES_TO_BLAME):
        with pytest.raises(django.db.OperationalError):
            reader_advance("test", lose)
        reader_retry_now("test")

    assert reader_advance("test", Handler()).rows == 1
    assert effects() == effects_of("m1")
    assert not QuarantinedEvent.objects.exists()


def test_a_process_that_is_told_to_end_leaves_no_failure():
    ingest("m1")

    def stop(batch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reader_advance("test", stop)

    assert reader_advance("test", Handler()).rows == 1


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (django.db.OperationalError("gone"), True),
        (django.db.InterfaceError("closed"), True),
        (TimeoutError(), True),
        (TransientError("later"), True),
        (django.db.DataError("too long"), False),
        (django.db.IntegrityError("twice"), False),
        (ValueError("bad"), False),
    ],
)
def test_what_passes_by_itself(error, transient):
    assert failure_is_transient(error) is transient


def test_a_value_that_postgresql_can_not_take_is_the_batch_s_fault():
    # The driver counts it with a server that is away.
    with pytest.raises(django.db.OperationalError) as raised:
        raise django.db.OperationalError("index row size") from errors.ProgramLimitExceeded()

    assert failure_is_transient(raised.value) is False


def test_values_that_a_database_error_quotes_are_not_kept():
    error = django.db.IntegrityError("duplicate key\nDETAIL:  Key (email)=(ada@example.com)")

    assert failure_text(error) == "IntegrityError: duplicate key"


def test_a_reader_at_whose_hands_everything_fails_stops_passing_events(monkeypatch):
    # given a handler that is broken, not the events
    monkeypatch.setattr(readers, "QUARANTINE_ROOM", 2)
    ingest(*(f"m{number}" for number in range(6)))
    handler = Handler(*(f"m{number}" for number in range(6)))

    # when
    for _ in range(40):
        reader_retry_now("test")
        with suppress(ValueError):
            reader_advance("test", handler)

    # then it is stuck for staff to see, and waits as long as it ever does
    [lag] = readers_lag()
    assert (lag.state, lag.quarantined, lag.rows) == ("stuck", 2, 4)
    reader = Reader.objects.get()
    assert reader.retry_at - reader.failed_at == LONGEST_WAIT
    assert reader.stuck_at < reader.failed_at

    # when the handler is mended it goes on by itself
    turns(Handler())
    assert effects() == effects_of(
        *set(Event.objects.values_list("message_id", flat=True))
        - set(
            Event.objects.filter(pk__in=QuarantinedEvent.objects.values("event_id")).values_list(
                "message_id", flat=True
            )
        )
    )
    assert readers_lag()[0].state == "reading"


def test_the_search_goes_on_in_another_process_and_is_shown():
    ingest("m1", "m2", "m3", "m4")
    for _ in range(FAILURES_TO_BLAME):
        reader_retry_now("test")
        with suppress(ValueError):
            reader_advance("test", Handler("m4"))

    # The first half is good: the error that is looked for stays to be seen.
    assert readers_lag()[0].state == "searching"
    assert reader_advance("test", Handler("m4")).rows == 2
    [lag] = readers_lag()
    assert (lag.state, lag.rows, lag.error) == ("searching", 2, "ValueError: can't read m4")


def test_a_quarantined_event_is_handled_after_all():
    kept = quarantined_make()

    with reader_handler_temporarily("test", Handler()):
        quarantined_retry(quarantined_id=kept.pk, by="ada")

    assert effects() == effects_of("m1", "bad")
    kept.refresh_from_db()
    assert (kept.state, kept.resolved_by) == ("handled", "ada")
    assert kept.resolved_at is not None
    assert Reader.objects.get().read_total == 2
    assert readers_lag()[0].quarantined == 0


def test_a_quarantined_event_that_fails_again_stays_and_changes_nothing():
    kept = quarantined_make()

    with (
        reader_handler_temporarily("test", Handler("bad", error=KeyError)),
        pytest.raises(QuarantineError, match="It failed again: KeyError"),
    ):
        quarantined_retry(quarantined_id=kept.pk, by="ada")

    assert effects() == effects_of("m1")
    kept.refresh_from_db()
    assert (kept.state, kept.resolved_by) == ("open", "")
    assert kept.error.startswith("KeyError")


def test_a_quarantined_event_is_handled_once_by_two_people_at_once():
    kept = quarantined_make()
    told = []

    def retry(by):
        try:
            quarantined_retry(quarantined_id=kept.pk, by=by)
            told.append("done")
        except QuarantineError as error:
            told.append(str(error))
        finally:
            connection.close()

    with reader_handler_temporarily("test", Handler()):
        people = [threading.Thread(target=retry, args=(by,)) for by in ("ada", "bob")]
        for person in people:
            person.start()
        for person in people:
            person.join(timeout=60)

    assert effects() == effects_of("m1", "bad")
    assert sorted(told) == [f"Event {kept.event_id} is resolved: handled later.", "done"]


def test_while_the_reader_is_at_work_a_retry_says_so(monkeypatch):
    kept = quarantined_make()
    monkeypatch.setattr(quarantine, "_WAIT", "20ms")
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT FROM events_reader FOR UPDATE")

        with (
            reader_handler_temporarily("test", Handler()),
            pytest.raises(QuarantineError, match="The reader is at work"),
        ):
            quarantined_retry(quarantined_id=kept.pk, by="ada")

    kept.refresh_from_db()
    assert kept.state == "open"


def test_what_can_not_be_handled_again_says_why():
    kept = quarantined_make()

    with pytest.raises(QuarantineError, match="Nothing is known that handles"):
        quarantined_retry(quarantined_id=kept.pk, by="ada")
    Event.objects.all().delete()
    with (
        reader_handler_temporarily("test", Handler()),
        pytest.raises(QuarantineError, match="no longer in the log"),
    ):
        quarantined_retry(quarantined_id=kept.pk, by="ada")

    kept.refresh_from_db()
    assert kept.state == "open"


def test_a_quarantined_event_is_dismissed_with_a_reason():
    kept = quarantined_make()
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(QuarantineError, match="A reason of 1 to 500 characters"):
            quarantined_dismiss(quarantined_id=kept.pk, by="ada", reason=reason)

    quarantined_dismiss(quarantined_id=kept.pk, by="ada", reason=" a test order ")

    kept.refresh_from_db()
    assert (kept.state, kept.reason, kept.resolved_by) == ("dismissed", "a test order", "ada")
    with pytest.raises(QuarantineError, match="is resolved: dismissed"):
        quarantined_dismiss(quarantined_id=kept.pk, by="bob", reason="again")
    assert effects() == effects_of("m1")


def test_a_reader_has_one_handler():
    with (
        reader_handler_temporarily("test", Handler()),
        pytest.raises(ReaderHandlerError, match="'test' has a handler"),
    ):
        reader_handler("test")(Handler())


def test_the_segments_reader_has_its_handler():
    assert reader_retries("segments")
    assert not reader_retries("warehouse")


def test_waits_stay_within_their_bounds():
    assert failures._wait(10**6, LONGEST_WAIT) == LONGEST_WAIT
