"""Background work: queued after commit, recorded while it runs."""

import pytest
from celery import current_app
from django.db import transaction

from lifecycle_engine.core.jobs import enqueue, job_run
from lifecycle_engine.core.models import JobRun, JobState


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
