"""When scorers are trained and run."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.scoring.models import ScorerSetting
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.scoring.schedule import days_between, scorer_due, scorer_queue
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring import ModelVersionFactory

NIGHT = datetime(2026, 3, 9, 2, 0, 7, tzinfo=UTC)
KEY = "value.alive"

pytestmark = pytest.mark.django_db


@pytest.fixture
def weekly(monkeypatch):
    """Trained each week, run every second night."""
    monkeypatch.setattr(scorers.get(KEY), "train_every_days", 7)
    monkeypatch.setattr(scorers.get(KEY), "run_every_days", 2)


def done(*, trained, ran, state=RunState.PUBLISHED):
    version = ModelVersionFactory(scorer_key=KEY, as_of=NIGHT - trained)
    finished = None if state == RunState.RUNNING else NIGHT
    ScoringRun.objects.create(
        scorer_key=KEY,
        model_version=version,
        as_of=NIGHT - ran,
        state=state,
        finished_at=finished,
    )


def test_staff_say_how_many_days_lie_between(weekly):
    done(trained=timedelta(days=3), ran=timedelta(days=3))
    assert scorer_due(scorer_key=KEY, at=NIGHT) == (False, True)

    setting = ScorerSetting.objects.create(key=KEY, train_every_days=3, run_every_days=5)
    assert scorer_due(scorer_key=KEY, at=NIGHT) == (True, False)

    setting.train_every_days = setting.run_every_days = None
    setting.save()
    assert days_between(KEY) == (7, 2)


def test_one_that_was_never_trained_is_due(weekly):
    assert scorer_due(scorer_key=KEY, at=NIGHT) == (True, True)


def test_by_default_both_are_due_each_night_whatever_was_done_by_hand():
    done(trained=timedelta(hours=1), ran=timedelta(hours=1))

    assert scorer_due(scorer_key=KEY, at=NIGHT) == (True, True)


@pytest.mark.parametrize(
    ("trained", "ran", "due"),
    [
        (timedelta(days=6), timedelta(days=1), (False, False)),
        # The night before began some seconds later.
        (timedelta(days=7, seconds=-40), timedelta(days=2, seconds=-40), (True, True)),
        (timedelta(days=3), timedelta(days=2), (False, True)),
    ],
)
def test_so_many_days_lie_between(weekly, trained, ran, due):
    done(trained=trained, ran=ran)

    assert scorer_due(scorer_key=KEY, at=NIGHT) == due


def test_a_run_that_failed_is_none(weekly):
    done(trained=timedelta(days=1), ran=timedelta(days=1), state=RunState.FAILED)

    assert scorer_due(scorer_key=KEY, at=NIGHT) == (False, True)


def test_the_queue_is_the_scorer_s_and_gpu_where_its_plugin_is_gone(monkeypatch):
    monkeypatch.setattr(scorers.get(KEY), "queue", "heavy")

    assert scorer_queue(KEY) == "heavy"
    assert scorer_queue("gone.scorer") == "gpu"
