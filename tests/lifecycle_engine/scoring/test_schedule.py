"""When scorers are trained and run."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle_engine.config.schedules import BEAT_SCHEDULE
from lifecycle_engine.scoring.models import ScorerSetting
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.scoring.schedule import (
    next_night,
    scorer_due,
    scorer_queue,
    scores_due_hours,
)
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
    assert scorer_due(scorer_key=KEY, at=NIGHT) == (False, True)


@settings(max_examples=200)
@given(
    last=st.none() | st.timedeltas(timedelta(), timedelta(days=400)),
    days=st.integers(1, 365),
    hours=st.timedeltas(timedelta(), timedelta(days=2)),
)
def test_the_next_night_is_the_first_in_which_it_is_due(last, days, hours):
    at = NIGHT + hours
    last = None if last is None else at - last
    (hour,) = BEAT_SCHEDULE["models"]["schedule"].hour
    began = at.replace(hour=hour, minute=0, second=0, microsecond=0)
    nights = [began + timedelta(days=number) for number in range(370)]

    wanted = timedelta(days=days if days > 1 else 0, hours=-6)
    due = [one for one in nights if one > at and (last is None or one - last >= wanted)]

    assert next_night(last=last, days=days, at=at) == due[0]


def test_scores_are_due_as_often_as_the_scorer_is_run(weekly):
    def hours(**said):
        return scores_due_hours(scorer_key=KEY, setting=ScorerSetting(key=KEY, **said))

    assert scores_due_hours(scorer_key=KEY, setting=None) == 48
    assert hours(run_every_days=30) == 7 * 24  # A training is followed by a run.
    assert (hours(fresh_hours=60), hours(fresh_hours=3)) == (60, 48)
    assert scores_due_hours(scorer_key="gone.scorer", setting=None) == 24


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
