"""A process that is killed while it computes segments, and what follows."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models.functions import Now

from lifecycle_engine.core.bulk import adbc_url
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments import due, refreshing, selectors, services, tasks, touched
from lifecycle_engine.segments.models import Segment
from tests.factories.segment_kills import (
    kills_play,
    recovered_equals_rebuilt,
    seed_drawn,
    segments_made,
)
from tests.factories.segments import NOW, SegmentFactory, country_rule

pytestmark = pytest.mark.django_db(transaction=True)

# Stops in the middle of a whole refresh, with the members computed and nothing written.
_HANGING = """
import sys, time
import django
django.setup()
from lifecycle_engine.segments import refreshing
from tests.factories.segments import NOW

def hang(*arguments):
    print("computing", flush=True)
    time.sleep(600)

refreshing._complete = hang
refreshing.segment_refresh(segment_id=int(sys.argv[1]), at=NOW, cause="schedule")
"""


def _members(segment):
    return selectors.segment_member_ids(segment_id=segment.pk).tolist()


def test_a_segment_whose_process_was_killed_recovers_without_staff():
    german = Customer.objects.create(external_id="c", country="DE").pk
    segment = SegmentFactory()
    environment = {
        "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
        "DATABASE_URL": adbc_url(),
    }
    with subprocess.Popen(
        [sys.executable, "-c", _HANGING, str(segment.pk)],
        cwd=Path(__file__).parents[3],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "computing\n"
        segment.refresh_from_db()
        assert segment.upkeep == "computing"
        assert due.refreshes_recover() == []  # It is alive.
        os.kill(process.pid, signal.SIGKILL)
    while not due.refreshes_recover():  # Until PostgreSQL has seen that the connection is gone.
        time.sleep(0.05)

    segment.refresh_from_db()
    assert (segment.upkeep, segment.error, segment.refresh_attempts) == ("failed", due.DIED, 1)
    assert due.refreshes_due() == []
    Segment.objects.update(refresh_due_at=Now())
    tasks.refresh_due()

    segment.refresh_from_db()
    assert (segment.upkeep, segment.error, segment.refresh_attempts) == ("current", "", 0)
    assert _members(segment) == [german]


def test_failures_are_tried_again_ever_more_seldom_and_not_all_at_once():
    segments = [SegmentFactory() for _ in range(8)]
    waits = {}
    for attempt in (1, 2, 30):
        for segment in segments:
            Segment.objects.filter(pk=segment.pk).update(refresh_attempts=attempt - 1)
            due.refresh_failed(segment_id=segment.pk, error="broken", cause="schedule")
            segment.refresh_from_db()
            waits[segment.pk, attempt] = segment.refresh_due_at - segment.failed_at

    for attempt, about in ((1, 30), (2, 60), (30, 3600)):
        found = [waits[segment.pk, attempt].total_seconds() for segment in segments]
        assert all(0.49 * about <= seconds <= 1.51 * about for seconds in found)
        assert max(found) - min(found) > 0.1 * about


def test_no_more_than_so_many_are_computed_at_once():
    taken, done = threading.Barrier(3), threading.Event()
    found = []

    def hold():
        try:
            with due.refresh_slot(at_once=2) as free:
                found.append(free)
                taken.wait()
                done.wait()
        finally:
            connection.close()

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    taken.wait()
    with due.refresh_slot(at_once=2) as free:
        assert not free
    done.set()
    for thread in threads:
        thread.join()
    assert found == [True, True]


def test_old_members_stand_until_a_new_rule_s_are_complete_whoever_is_touched(monkeypatch):
    german, french = (
        Customer.objects.create(external_id=country, country=country).pk for country in ("DE", "FR")
    )
    segment = SegmentFactory()
    services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")
    services.segment_save(key=segment.key, name="French", rule=country_rule("FR"))
    computing, go_on = threading.Event(), threading.Event()
    complete = refreshing._complete

    def complete_later(*arguments):
        computing.set()
        go_on.wait()
        return complete(*arguments)

    monkeypatch.setattr(refreshing, "_complete", complete_later)

    def refresh():
        try:
            services.segment_refresh(segment_id=segment.pk, at=NOW, cause="definition")
        finally:
            connection.close()

    thread = threading.Thread(target=refresh)
    thread.start()
    computing.wait()
    Customer.objects.filter(pk=german).update(country="FR")
    touched.customers_touch(customer_ids=[german], at=NOW)
    touched.touched_settle(at=NOW)
    assert _members(segment) == [german]
    go_on.set()
    thread.join()

    # The new members are those of the moment when they were computed, and who was touched since
    # follows.
    assert _members(segment) == [french]
    touched.touched_settle(at=NOW + timedelta(seconds=1))
    assert _members(segment) == [german, french]


def test_a_handful_of_kills_leaves_what_a_rebuild_from_nothing_gives():
    segments_made()
    refreshing.segments_refresh_all(at=NOW)
    seed = seed_drawn()
    print(f"seed {seed}")  # noqa: T201 - to play it again

    kills_play(6, seed=seed)

    recovered_equals_rebuilt(6)
