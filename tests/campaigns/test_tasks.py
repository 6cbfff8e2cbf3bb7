"""The Celery entry points."""

import pytest

from campaigns import tasks
from campaigns.models import Decision, Enrolment, Occurrence
from lifecycle_engine.core.models import JobRun, JobState
from tests.factories.campaigns import NOW, campaign_make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(settings):
    settings.ENGINE_NOW = NOW


def test_firing_and_advancing_until_nobody_is_left():
    campaign_make(size=4)
    assert tasks.fire() == 1
    assert tasks.fire() == 0
    assert tasks.advance() == 16
    assert Decision.objects.count() == 16
    assert set(Enrolment.objects.values_list("state", flat=True)) == {"done"}
    run = JobRun.objects.get(name="campaigns.advance")
    assert (run.state, run.done, run.unit) == (JobState.SUCCEEDED, 16, "steps")


def test_with_nothing_to_do_no_run_is_recorded_and_empty_occurrences_close():
    campaign_make(size=0)
    tasks.fire()
    assert tasks.advance() == 0
    assert Occurrence.objects.get().state == Occurrence.State.DONE
    assert not JobRun.objects.exists()


def test_a_worker_takes_turns(monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(tasks, "_BATCH", 1)
    monkeypatch.setattr(tasks, "_BATCHES", 3)
    campaign_make(size=4)
    tasks.fire()
    with django_capture_on_commit_callbacks() as callbacks:
        assert tasks.advance() == 3
    assert callbacks, "what is left is to be taken up by another task"
