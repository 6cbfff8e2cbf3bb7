"""A story in which whoever keeps the columnar copy and the segments up is killed, many times."""

import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models.functions import Now

from lifecycle_engine.core.bulk import adbc_url
from lifecycle_engine.segments import due, passing, refreshing, selectors, touched
from lifecycle_engine.segments.evaluation import SegmentRefreshError
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.rules import rule_parse, rule_select
from lifecycle_engine.warehouse.mirror import mirror_run
from lifecycle_engine.warehouse.session import warehouse_session
from tests.factories.segments import NOW, SegmentFactory, country_rule, rule
from tests.locks import locks_free_awaited

_LATELY = {"condition": "event.count", "name": "Product Viewed", "at_least": 1, "days": 2}

_QUIET = {"condition": "event.absent", "name": "Order Completed", "days": 1}

# Forks a process for each kill. One takes in events and does all the work that there is, in an
# order of its own, until it is killed; how long it lives is drawn.
_KILLED = """
import os, random, signal, sys, time
from datetime import timedelta
import django
django.setup()
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments import passing, refreshing, touched
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.segments import NOW

def work(number, at, rng):
    names = ["Order Completed", "Product Viewed"]
    events = [
        {"type": "track", "messageId": f"{number}-{n}", "userId": f"u{rng.randrange(12)}",
         "event": rng.choice(names),
         "timestamp": (at - timedelta(hours=rng.randrange(60))).isoformat(),
         "properties": {"total": 10, "products": [{"sku": "tea"}]}}
        for n in range(6)
    ]
    traits = {"type": "identify", "messageId": f"{number}-i", "userId": f"u{rng.randrange(12)}",
              "timestamp": at.isoformat(), "traits": {"country": rng.choice(["DE", "FR"])}}
    events_ingest(source="shop", items=[*events, traits], received_at=at)
    jobs = [
        lambda: mirror_run(batch_events=3),
        lambda: touched.touched_collect(at=at, limit=4),
        lambda: touched.touched_settle(at=at, limit=5),
        lambda: passing.time_pass(at=at),
        lambda: refreshing.segments_refresh_all(at=at),
    ]
    while True:
        rng.choice(jobs)()

for number in range(int(sys.argv[1])):
    rng = random.Random(f"{sys.argv[2]}:{number}")
    child = os.fork()
    if child == 0:
        work(number, NOW + timedelta(hours=3 * number), rng)
    time.sleep(rng.uniform(0.05, 1.0))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else "ended", flush=True)
"""


def segments_made() -> list[Segment]:
    """Segments of several kinds, one of which reads another."""
    return [
        SegmentFactory(key="lately", rule=rule(_LATELY)),
        SegmentFactory(key="quiet", rule=rule(_QUIET)),
        SegmentFactory(key="german", rule=country_rule("DE")),
        SegmentFactory(
            key="reader",
            rule=rule({"condition": "segment.member", "segment": "lately"}, group="none"),
        ),
    ]


def kills_play(kills: int, *, seed: int) -> None:
    """Kill so many processes at their work.

    Raises:
        AssertionError: one of them ended by itself.
    """
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(kills), str(seed)],
        cwd=Path(__file__).parents[2],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
            "DATABASE_URL": adbc_url(),
            "WAREHOUSE_URL": settings.WAREHOUSE_URL,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60 + 6 * kills,
    )
    assert done.stdout.split() == ["9"] * kills, done.stderr
    locks_free_awaited()


def recovered_equals_rebuilt(kills: int) -> None:
    """Let everything go on as the clock would have it, and compare with a rebuild from nothing."""
    at = NOW + timedelta(hours=3 * kills)
    due.refreshes_recover()
    # What the tests don't wait for: the back-off.
    Segment.objects.exclude(refresh_due_at=None).update(refresh_due_at=Now())
    mirror_run()
    while segments := due.refreshes_due():
        try:
            refreshing.segment_refresh_due(segment_id=segments[0].pk, at=at)
        except SegmentRefreshError:
            Segment.objects.filter(pk=segments[0].pk).update(refresh_due_at=Now())
    while touched.touched_collect(at=at):
        pass
    while touched.touched_settle(at=at) is not None:
        pass
    passing.time_pass(at=at)
    while segments := due.refreshes_due():
        refreshing.segment_refresh_due(segment_id=segments[0].pk, at=at)
    mirror_run()
    with warehouse_session(as_of=at) as tables:
        for segment in Segment.objects.order_by("pk"):
            found = rule_select(rule_parse(segment.rule), tables)["customer_id"].to_pylist()
            members = selectors.segment_member_ids(segment_id=segment.pk).tolist()
            assert members == sorted(found), segment.key
            assert (segment.upkeep, segment.size) == ("current", len(found)), segment.key


def seed_drawn() -> int:
    """A seed that a failing test prints."""
    return random.SystemRandom().randrange(10**6)
