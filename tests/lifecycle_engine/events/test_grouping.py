"""Requests that come at the same time are written in one transaction."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from django.conf import settings
from django.db import DataError, OperationalError, connection, connections

from lifecycle_engine.events import services
from lifecycle_engine.events.grouping import Group
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.events.services import events_ingest
from tests.factories.events import identify, track

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE = 20


class Writer:
    """Writes numbers once it is let; some of them are poison."""

    def __init__(self, poison=()):
        self.poison = poison
        self.let = threading.Event()
        self.written = []

    def __call__(self, jobs):
        assert self.let.wait(PATIENCE)
        self.written.append(list(jobs))
        if bad := [job for job in jobs if job in self.poison]:
            raise DataError(f"{bad[0]} is poison")
        return [job * 10 for job in jobs]


def submitted(group, writer, jobs):
    """The jobs one after another while the first is being written; what came of each."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = []
        for number, job in enumerate(jobs):
            futures.append(pool.submit(group.submit, job))
            until(lambda number=number: len(group._waiting) == number)
        writer.let.set()
        return [
            error if (error := future.exception(PATIENCE)) else future.result()
            for future in futures
        ]


def until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_those_that_wait_are_written_together():
    writer = Writer()
    group = Group(writer, weight=lambda _job: 1, limit=10)

    results = submitted(group, writer, [1, 2, 3, 4])

    assert results == [10, 20, 30, 40]
    assert writer.written == [[1], [2, 3, 4]]
    # Nobody writes any more: the next one need not wait.
    assert group.submit(5) == 50


def test_no_more_than_the_limit_is_written_at_once():
    writer = Writer()
    group = Group(writer, weight=lambda job: job, limit=7)

    assert submitted(group, writer, [1, 3, 4, 9, 2]) == [10, 30, 40, 90, 20]
    assert writer.written == [[1], [3, 4], [9], [2]]


def test_where_there_was_company_one_waits_for_as_much_of_it_again():
    writer = Writer()
    group = Group(writer, weight=lambda _job: 1, limit=10, patience=PATIENCE)

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(group.submit, 1)
        until(lambda: not group._idle)
        second = pool.submit(group.submit, 2)
        until(lambda: len(group._waiting) == 1)
        writer.let.set()
        # By now the second one could write, and waits for whoever comes where the first one was.
        assert first.result(PATIENCE) == 10
        third = pool.submit(group.submit, 3)

        assert (second.result(PATIENCE), third.result(PATIENCE)) == (20, 30)
    assert writer.written == [[1], [2, 3]]


def test_who_stays_alone_waits_once_and_not_for_long():
    writer = Writer()
    group = Group(writer, weight=lambda _job: 1, limit=10, patience=0.001)

    assert submitted(group, writer, [1, 2, 3]) == [10, 20, 30]
    waited = []
    wait_for = group._came.wait_for
    group._came.wait_for = lambda enough, patience: waited.append(wait_for(enough, patience))

    assert [group.submit(job) for job in (4, 5, 6)] == [40, 50, 60]
    assert waited == [False, True, True]


def test_poison_fails_alone():
    writer = Writer(poison={3})
    group = Group(writer, weight=lambda _job: 1, limit=10)

    first, second, third, fourth = submitted(group, writer, [1, 2, 3, 4])

    assert (first, second, fourth) == (10, 20, 40)
    assert (type(third), str(third)) == (DataError, "3 is poison")
    assert writer.written[:2] == [[1], [2, 3, 4]]
    assert sorted(writer.written[2:]) == [[2], [3], [4]]
    assert group.submit(5) == 50


def test_a_writer_that_breaks_leaves_nobody_waiting():
    writer = Writer()
    group = Group(writer, weight=lambda _job: 1, limit=10)

    # When there is no result for some of them, which is a mistake in the program.
    writer_broken = writer.__class__.__call__

    def broken(jobs):
        return writer_broken(writer, jobs)[:1]

    group._write = broken
    first, second, third = submitted(group, writer, [1, 2, 3])

    assert first == 10
    assert isinstance(second, ValueError)
    assert third == 30
    assert group.submit(5) == 50


@contextmanager
def another_connection():
    """A second connection to the test's database, with a transaction open."""
    url = psycopg.conninfo.make_conninfo(
        settings.DATABASE_URL, dbname=connection.settings_dict["NAME"]
    )
    with psycopg.connect(url) as other:
        yield other


def ingested(source, items):
    try:
        return events_ingest(source=source, items=items, received_at=RECEIVED)
    finally:
        connections.close_all()


def together(*batches):
    """The batches as they are ingested while another transaction holds the first one's receipt."""
    partitions_ensure(months=[RECEIVED])
    # The connection is let go before the pool waits for its threads, whatever fails here.
    with ThreadPoolExecutor(1 + len(batches)) as pool, another_connection() as other:
        other.execute(
            "INSERT INTO events_eventreceipt (source, message_id) VALUES ('held', 'first')"
        )
        first = pool.submit(ingested, "held", [track("first"), track("beside")])
        until(lambda: waiting_for_a_lock(other) == 1)
        futures = []
        for number, batch in enumerate(batches, 1):
            futures.append(pool.submit(ingested, *batch))
            # It comes to where it waits for the first one.
            until(lambda number=number: len(services._GROUP._waiting) == number)
        other.rollback()
        return [future.result(PATIENCE) for future in (first, *futures)]


def waiting_for_a_lock(other):
    return other.execute(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    ).fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_requests_of_several_sources_share_a_transaction():
    results = together(
        ("one", [track("a"), track("b")]),
        ("two", [track("a"), identify("c")]),
        ("one", [track("b"), track("d")]),
    )

    assert [(result.accepted, result.duplicates) for result in results[1:3]] == [(2, 0), (2, 0)]
    assert (results[3].accepted, results[3].duplicates) == (1, 1)
    of_group = Event.objects.exclude(source="held")
    assert sorted(of_group.values_list("source", "message_id")) == [
        ("one", "a"), ("one", "b"), ("one", "d"), ("two", "a"), ("two", "c"),
    ]  # fmt: skip
    assert of_group.values("txid").distinct().count() == 1
    assert Event.objects.values("txid").distinct().count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_event_that_can_not_be_stored_spoils_no_other_request():
    poison = track("poison", properties={})
    huge = b'{"n": 1' + b"0" * 20_000 + b"}"
    item = b'{"type": "track", "messageId": "poison", "userId": "u", "event": "E", "properties": '

    results = together(("one", [track("a"), item + huge + b"}"]), ("two", [track("b"), track("c")]))

    assert poison["messageId"] == results[1].rejected[0].message_id
    assert [result.accepted for result in results] == [2, 1, 2]
    assert sorted(Event.objects.values_list("message_id", flat=True)) == [
        "a", "b", "beside", "c", "first",
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_when_the_database_is_lost_all_of_them_are_told(monkeypatch):
    def lost(*_args, **_kwargs):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr("lifecycle_engine.events.writing.receipts_take", lost)

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(ingested, "one", [track(str(number))]) for number in range(3)]
        errors = [future.exception(PATIENCE) for future in futures]

    assert [type(error) for error in errors] == [OperationalError] * 3
    assert not Event.objects.exists()
