"""Readers of the log see every row once, whatever commits when and whoever is killed."""

import random
import threading
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection, transaction

from lifecycle_engine.core.bulk import arrow_read
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Event, Reader
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.events.readers import (
    ReaderError,
    batch_condition,
    batch_customer_ids,
    batch_events,
    reader_advance,
    reader_confirm,
    reader_plan,
    reader_retry_now,
    readers_lag,
)
from lifecycle_engine.events.services import events_ingest
from tests.factories.events import track

# Only what is committed can be read, so these tests commit.
pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime(2017, 3, 4, tzinfo=UTC)
INSERT = """
    INSERT INTO events_event (id, source, message_id, customer_id, name, properties, occurred_at)
    VALUES (gen_random_uuid(), 'test', %s, 1, 'Product Viewed', '{}', '2017-03-04T00:00Z')
"""


@pytest.fixture
def other():
    """A second connection, for transactions that are still open."""
    with psycopg.connect(**_login()) as second:
        yield second


def _login():
    given = connection.get_connection_params()
    return {
        key: given[key] for key in ("host", "port", "user", "password", "dbname") if given.get(key)
    }


def ingest(*message_ids, **changes):
    items = [track(message_id, **changes) for message_id in message_ids]
    events_ingest(source="shop", items=items, received_at=DAY)


def write_slowly(number, done):
    """Write and commit, or not, holding every transaction open for a random while."""
    rng = random.Random(number)
    with psycopg.connect(**_login()) as writer:
        for round_ in range(30):
            for row in range(rng.randint(1, 4)):
                writer.execute(INSERT, [f"{number}-{round_}-{row}"])
                done.wait(rng.random() / 100)
            if rng.random() < 0.2:
                writer.rollback()
            else:
                writer.commit()


def read_all(name, limit=10_000):
    seen = []

    def handle(batch):
        seen.extend(event.id for event in batch_events(batch))

    while reader_advance(name, handle, limit).rows:
        pass
    return seen


def message_ids(ids):
    known = dict(Event.objects.values_list("id", "message_id"))
    return [known[id_] for id_ in ids]


def test_a_reader_reads_on_from_where_it_was():
    ingest("m1", "m2", "m3")

    first = read_all("test", limit=2)
    ingest("m4")
    second = read_all("test")

    assert sorted(message_ids(first)) == ["m1", "m2", "m3"]
    assert message_ids(second) == ["m4"]
    reader = Reader.objects.get(name="test")
    assert (reader.read_total, reader.batch, reader.error) == (4, 3, "")


def test_what_commits_late_is_not_passed_over(other):
    # given a transaction that began first, and stays open while a later one commits
    partitions_ensure(months=[DAY])
    other.execute(INSERT, ["early"])
    ingest("late")

    # when the log is read before and after the first one commits
    before = read_all("test")
    other.commit()
    after = read_all("test")

    # then the later row waited for the earlier one
    assert before == []
    assert message_ids(after) == ["early", "late"]


def test_what_is_rolled_back_stops_nobody(other):
    partitions_ensure(months=[DAY])
    other.execute(INSERT, ["gone"])
    ingest("stays")
    other.rollback()

    assert message_ids(read_all("test")) == ["stays"]


def test_writers_that_commit_in_any_order_lose_and_double_nothing():
    # given writers that hold their transactions open for a random while, and a reader beside them
    partitions_ensure(months=[DAY])
    done = threading.Event()
    seen = []

    def read():
        rng = random.Random(0)
        try:
            while not done.is_set():
                seen.extend(read_all("test", limit=rng.randint(1, 9)))
        finally:
            connection.close()

    # when
    writers = [threading.Thread(target=write_slowly, args=(number, done)) for number in range(4)]
    reader = threading.Thread(target=read)
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join(timeout=60)
    done.set()
    reader.join(timeout=60)
    seen.extend(read_all("test"))

    # then
    written = list(Event.objects.order_by("txid", "id").values_list("id", flat=True))
    assert len(written) > 100
    assert seen == written


def test_a_handler_that_fails_takes_back_its_effect_and_leaves_the_cursor():
    ingest("m1")

    def handle(batch):
        Customer.objects.create(external_id="effect")
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        reader_advance("test", handle)

    reader = Reader.objects.get(name="test")
    assert (reader.read_total, reader.error) == (0, "ValueError: boom")
    assert not Customer.objects.filter(external_id="effect").exists()
    reader_retry_now("test")
    assert message_ids(read_all("test")) == ["m1"]
    assert Reader.objects.get(name="test").error == ""


def test_a_reader_that_another_process_holds_is_left_alone(other):
    ingest("m1")
    read_all("test")
    ingest("m2")
    other.execute("SELECT FROM events_reader WHERE name = 'test' FOR UPDATE")

    assert read_all("test") == []

    other.rollback()
    assert message_ids(read_all("test")) == ["m2"]


def test_a_planned_batch_is_the_same_after_a_crash():
    # given a plan that was written down before the process died
    ingest("m1", "m2", "m3")
    planned = reader_plan("test", limit=2)

    # when another process plans again, with more to read and another limit
    ingest("m4")
    again = reader_plan("test", limit=100)

    # then it is given the same, until it confirms
    assert again == planned
    assert (planned.number, planned.count) == (1, 2)
    first = [event.id for event in batch_events(planned)]
    reader_confirm("test", planned)
    rest = reader_plan("test", limit=100)
    assert (rest.number, rest.count) == (2, 2)
    assert sorted(message_ids(first + [event.id for event in batch_events(rest)])) == [
        "m1", "m2", "m3", "m4",
    ]  # fmt: skip
    reader_confirm("test", rest)
    assert reader_plan("test") is None
    assert Reader.objects.get(name="test").read_total == 4


def test_only_the_planned_batch_can_be_confirmed():
    ingest("m1", "m2")
    planned = reader_plan("test", limit=1)
    reader_confirm("test", planned)

    with pytest.raises(ReaderError, match="has planned batch None, not batch 1"):
        reader_confirm("test", planned)

    assert Reader.objects.get(name="test").read_total == 1


def test_a_reader_with_a_plan_can_not_be_advanced():
    ingest("m1")
    reader_plan("test")

    with pytest.raises(ReaderError, match="has planned batch 1: confirm it first"):
        read_all("test")


def test_a_plan_that_would_not_be_durable_is_refused():
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        reader_plan("test")


def test_a_batch_is_read_by_name_by_customer_and_over_adbc():
    ingest("m1", "m2", userId="b")
    ingest("m3", event="Product Added", userId="a", properties={"x": [1]})
    batch = reader_plan("test")

    by_name = batch_events(batch, names=["Product Added"])
    table = arrow_read(f"SELECT message_id FROM events_event WHERE {batch_condition(batch)}")

    assert [(event.name, event.properties) for event in by_name] == [("Product Added", {"x": [1]})]
    assert batch_customer_ids(batch) == sorted(Customer.objects.values_list("pk", flat=True))
    assert sorted(table["message_id"].to_pylist()) == ["m1", "m2", "m3"]


def test_lag_says_how_much_is_unread_and_how_old_it_is():
    ingest("m1", "m2", "m3")
    reader_advance("ahead", lambda batch: None)
    reader_advance("behind", lambda batch: None, limit=1)

    ahead, behind = readers_lag()

    assert (ahead.name, ahead.rows, ahead.seconds, ahead.read_total) == ("ahead", 0, 0, 3)
    assert (behind.name, behind.rows, behind.read_total) == ("behind", 2, 1)
    assert behind.seconds > 0
    assert readers_lag(names=["behind"])[0].rows == 2
