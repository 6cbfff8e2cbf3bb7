"""Background work: queued after commit, recorded while it runs."""

import subprocess
import sys
from datetime import timedelta

import pytest
from celery import current_app
from django.db import transaction
from django.db.models.functions import Now

from lifecycle_engine.core.bulk import adbc_url
from lifecycle_engine.core.jobs import enqueue, job_run, lost_jobs_fail
from lifecycle_engine.core.models import JobRun, JobState
from tests.locks import locks_free_awaited, locks_held


@pytest.fixture
def sent(monkeypatch):
    """What was sent to the broker."""
    messages = []
    monkeypatch.setattr(
        current_app,
        "send_task",
        lambda name, kwargs, queue: messages.append((name, kwargs, queue)),
    )
    return messages


@pytest.mark.django_db(transaction=True)
def test_work_is_queued_once_its_cause_is_committed(sent):
    with transaction.atomic():
        enqueue("events.test", queue="gpu", number=1)
        assert sent == []

    assert sent == [("events.test", {"number": 1}, "gpu")]


@pytest.mark.django_db(transaction=True)
def test_work_whose_cause_is_rolled_back_is_not_queued(sent):
    with transaction.atomic():
        enqueue("events.test")
        transaction.set_rollback(True)

    assert sent == []


@pytest.mark.django_db
def test_a_run_is_visible_while_it_goes_on_and_keeps_its_figures():
    with job_run("events.test", "subject") as job:
        job.progress(3, 10, "rows")
        during = JobRun.objects.get()
        job.result(rows=3)
        job.result(bytes=9)

    after = JobRun.objects.get()
    assert (during.state, during.done, during.total, during.unit) == ("running", 3, 10, "rows")
    assert during.finished_at is None
    assert (after.state, after.result) == (JobState.SUCCEEDED, {"rows": 3, "bytes": 9})
    assert after.finished_at >= after.started_at
    assert str(after) == "events.test subject"


@pytest.mark.django_db
def test_a_run_that_fails_keeps_its_error_and_lets_it_through():
    def work():
        with job_run("events.test") as job:
            job.result(rows=1)
            raise KeyError("missing")

    with pytest.raises(KeyError):
        work()

    run = JobRun.objects.get()
    assert (run.state, run.error, run.result) == ("failed", "KeyError: 'missing'", {"rows": 1})


_AT_WORK = """
import sys, time
import psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [sys.argv[2]])
    print("at work", flush=True)
    time.sleep(60)
"""


def silent_run(**given):
    """A run that was not heard of for two minutes."""
    run = JobRun.objects.create(name="events.test")
    JobRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(minutes=2), **given)
    run.refresh_from_db()
    return run


@pytest.mark.django_db(transaction=True)
def test_a_silent_run_has_failed_once_its_process_is_killed():
    run = silent_run()
    arguments = [sys.executable, "-c", _AT_WORK, adbc_url(), f"job:{run.pk}"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "at work\n"
        assert lost_jobs_fail() == 0
        process.kill()
    locks_free_awaited()

    assert lost_jobs_fail() == 1
    after = JobRun.objects.get()
    assert (after.state, after.finished_at) == (JobState.FAILED, run.heartbeat_at)
    assert after.error == "ProcessLostError: the process that did it was killed"
    assert lost_jobs_fail() == 0


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_heard_of_or_is_over_is_left_alone():
    JobRun.objects.create(name="events.test")
    silent_run(state=JobState.SUCCEEDED)
    silent_run(state=JobState.QUEUED)

    assert lost_jobs_fail() == 0


@pytest.mark.django_db(transaction=True)
def test_a_run_holds_its_lock_until_it_is_over():
    with job_run("events.test"):
        assert locks_held() == 1

    assert locks_held() == 0
    assert JobRun.objects.get().state == JobState.SUCCEEDED
