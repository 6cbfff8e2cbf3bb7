"""Whatever order writers commit in and wherever readers are killed, each row is read exactly once.

Stories of a few steps are played on real connections: transactions begin, write, commit and are
rolled back in any order, and readers of both kinds read in between or are killed half-way. The last
tests prove that the property is worth something: without the rule that makes it true it fails.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lifecycle_engine.core import sql
from lifecycle_engine.events.models import Reader
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.events.readers import (
    batch_events,
    batch_watched,
    reader_advance,
    reader_confirm,
    reader_plan,
)

# Only what is committed can be read, so these tests commit.
pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime(2017, 3, 4, tzinfo=UTC)
WRITERS = 2
INSERT = """
    INSERT INTO events_event (id, source, message_id, customer_id, name, properties, occurred_at)
    VALUES (%s, 'test', 'm', 1, 'Product Viewed', '{}', '2017-03-04T00:00Z')
"""


class KilledError(BaseException):
    """Stands for the end of a reader's process: nobody catches it, and nothing is written down."""


class Effects:
    """What a transactional reader does: a row for each event, which commits with its cursor."""

    def read(self, limit: int, *, killed: bool) -> bool:
        def handle(batch):
            ids = [event.id for event in batch_events(batch)]
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO effects VALUES (%s)", [[id_] for id_ in ids])
            if killed:
                raise KilledError

        with suppress(KilledError):
            return reader_advance("transactional", handle, limit).rows > 0
        return True

    def seen(self) -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM effects")
            return [id_ for (id_,) in cursor]


class Store:
    """What a two-phase reader does: a store elsewhere that takes each batch number once."""

    def __init__(self) -> None:
        self.batches: dict[int, list[UUID]] = {}

    def read(self, limit: int, *, killed: str) -> bool:
        batch = reader_plan("two-phase", limit)
        if batch is None:
            return False
        if killed == "planned":
            return True
        with batch_watched(batch):
            self.batches.setdefault(batch.number, [event.id for event in batch_events(batch)])
            if killed == "stored":
                return True
            reader_confirm("two-phase", batch)
        return True

    def seen(self) -> list[UUID]:
        return [id_ for ids in self.batches.values() for id_ in ids]


class World:
    """Writers with their open transactions, both readers, and what is committed."""

    def __init__(self, writers: list[psycopg.Connection]) -> None:
        self.writers = writers
        self.open: list[list[UUID]] = [[] for _ in writers]
        self.committed: set[UUID] = set()
        self.written = 0
        self.effects, self.store = Effects(), Store()

    def write(self, writer: int) -> None:
        # In no order, but the same whenever a story is played again.
        self.written += 1
        id_ = uuid5(NAMESPACE_OID, str(self.written))
        self.writers[writer].execute(INSERT, [id_])
        self.open[writer].append(id_)

    def commit(self, writer: int) -> None:
        self.writers[writer].commit()
        self.committed |= set(self.open[writer])
        self.open[writer].clear()

    def roll_back(self, writer: int) -> None:
        self.writers[writer].rollback()
        self.open[writer].clear()

    def advance(self, limit: int, killed: bool) -> None:
        self.effects.read(limit, killed=killed)

    def plan(self, limit: int, killed: str) -> None:
        self.store.read(limit, killed=killed)

    def check_nothing_twice_or_early(self) -> None:
        for seen in (self.effects.seen(), self.store.seen()):
            assert len(seen) == len(set(seen)), "a row was read twice"
            assert self.committed.issuperset(seen), "a row was read that is not committed"

    def finish(self) -> None:
        """Let every writer end, and the readers read the rest."""
        for writer in range(len(self.writers)):
            self.commit(writer)
        while self.effects.read(20, killed=False):
            pass
        while self.store.read(20, killed=""):
            pass
        self.check_nothing_twice_or_early()
        assert set(self.effects.seen()) == self.committed, "the transactional reader skipped a row"
        assert set(self.store.seen()) == self.committed, "the two-phase reader skipped a row"
        totals = set(Reader.objects.values_list("read_total", flat=True))
        assert totals == {len(self.committed)}


Step = tuple[str, int] | tuple[str, int, object]
#: Everything that can happen, as often as it is wanted: much is written, little is rolled back.
_ANY: list[Step] = [
    *(("write", writer) for writer in range(WRITERS) for _ in range(4)),
    *(("commit", writer) for writer in range(WRITERS) for _ in range(2)),
    *(("roll_back", writer) for writer in range(WRITERS)),
    *(("advance", limit, killed) for limit in (1, 2, 4) for killed in (False, False, True)),
    *(("plan", limit, killed) for limit in (1, 2, 4) for killed in ("", "planned", "stored")),
]
steps = st.lists(st.sampled_from(_ANY), min_size=6, max_size=20)
# What a rule that goes by time, id or the newest transaction gets wrong.
LATE_COMMIT = [
    ("write", 0),
    ("write", 1),
    ("commit", 1),
    ("advance", 4, False),
    ("plan", 4, ""),
    ("commit", 0),
]


def play(story, *, writers) -> None:
    with connection.cursor() as cursor:
        # Not TRUNCATE: that would take longer than the story.
        cursor.execute("DELETE FROM events_event; DELETE FROM events_reader; DELETE FROM effects")
    world = World(writers)
    try:
        for name, *arguments in story:
            getattr(world, name)(*arguments)
            if name in {"advance", "plan"}:
                world.check_nothing_twice_or_early()
        world.finish()
    finally:
        for writer in writers:
            writer.rollback()


@pytest.fixture
def played():
    """Plays a story on connections that outlive it: opening them takes longer than playing."""
    partitions_ensure(months=[DAY])
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE effects (id uuid NOT NULL)")
        # Nobody pulls the plug here: a commit need not wait for the disk.
        cursor.execute("SET synchronous_commit TO off")
    writers = [psycopg.connect(**connection.get_connection_params()) for _ in range(WRITERS)]
    for writer in writers:
        writer.execute("SET synchronous_commit TO off")
        writer.commit()
    yield partial(play, writers=writers)
    for writer in writers:
        writer.close()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE effects")
        cursor.execute("RESET synchronous_commit")


def _property(played: Callable[[list[Step]], None], *, examples: int, mutated: bool) -> None:
    @settings(
        max_examples=examples,
        database=None,
        # A proof that the property bites has to come out the same each time, and soon.
        derandomize=mutated,
        phases=[Phase.generate] if mutated else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(story=steps)
    def holds(story):
        played(story)

    holds()


def test_each_committed_row_is_read_exactly_once(played):
    played(LATE_COMMIT)
    _property(played, examples=50, mutated=False)


def _without(monkeypatch, name: str, rule: str) -> None:
    """Let the readers run a statement that lacks one of its rules."""
    real = sql.sql_text

    def mutated(app_label, statement):
        text = real(app_label, statement)
        if (app_label, statement) != ("events", name):
            return text
        assert rule in text
        return text.replace(rule, "")

    monkeypatch.setattr(sql, "sql_text", mutated)


XMIN = "AND txid < (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint"


def test_the_property_bites_without_the_oldest_open_transaction(played, monkeypatch):
    _without(monkeypatch, "batch_bounds", XMIN)

    with pytest.raises(AssertionError, match="skipped a row"):
        played(LATE_COMMIT)
    # and it is found by chance as well
    with pytest.raises(AssertionError, match="skipped a row"):
        _property(played, examples=200, mutated=True)


def test_the_property_bites_when_a_batch_has_no_end(played, monkeypatch):
    _without(monkeypatch, "batch_events", "AND (txid, id) <= (%(upto_txid)s, %(upto_id)s)")

    with pytest.raises(AssertionError, match="read twice"):
        played([("write", 0), ("write", 0), ("commit", 0), ("plan", 1, "")])
