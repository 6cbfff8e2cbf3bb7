"""The Celery entry points: which service is asked, as of when."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.config.celery import app
from lifecycle_engine.scoring import running, services, tasks
from lifecycle_engine.scoring.errors import ScorerBusyError, ScorerOutputError
from lifecycle_engine.scoring.models import ScorerMode, ScorerSetting
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring import ModelVersionFactory

NOW = datetime(2017, 12, 1, tzinfo=UTC)
EARLIER = datetime(2017, 11, 1, tzinfo=UTC)


@pytest.fixture
def asked(monkeypatch, settings):
    """What the services were asked for, in order."""
    settings.ENGINE_NOW = NOW
    calls = []
    for module, name in ((services, "model_train"), (running, "scorer_run")):
        monkeypatch.setattr(module, name, lambda _name=name, **given: calls.append((_name, given)))
    monkeypatch.setattr(tasks, "enqueue", lambda task, **given: calls.append((task, given)))
    return calls


def followed(as_of):
    """What follows new scores: they are checked, rules may read them, and staff ask why."""
    told = {"queue": "gpu", "scorer_key": "dummy.lapse", "as_of": as_of.isoformat()}
    check = ("scoring.check", {"queue": "gpu", "scorer_key": "dummy.lapse"})
    return [check, ("segments.refresh", {"cause": "scores"}), ("scoring.explain", told)]


def test_training_is_as_of_business_time_unless_told_otherwise(asked):
    tasks.model_train(scorer_key="dummy.lapse")
    tasks.model_train(scorer_key="dummy.lapse", as_of=EARLIER.isoformat())

    assert asked == [
        ("model_train", {"scorer_key": "dummy.lapse", "as_of": NOW, "at": NOW}),
        ("model_train", {"scorer_key": "dummy.lapse", "as_of": EARLIER, "at": NOW}),
    ]


def test_running_is_as_of_business_time_unless_told_otherwise(asked):
    tasks.scorer_run(scorer_key="dummy.lapse")
    tasks.scorer_run(scorer_key="dummy.lapse", as_of=EARLIER.isoformat())

    assert asked == [
        ("scorer_run", {"scorer_key": "dummy.lapse", "as_of": NOW}),
        *followed(NOW),
        ("scorer_run", {"scorer_key": "dummy.lapse", "as_of": EARLIER}),
        *followed(EARLIER),
    ]


def test_training_and_running_are_as_of_one_moment(asked):
    tasks.model_train_and_run(scorer_key="dummy.lapse", as_of=EARLIER.isoformat())

    assert asked == [
        ("model_train", {"scorer_key": "dummy.lapse", "as_of": EARLIER, "at": NOW}),
        ("scorer_run", {"scorer_key": "dummy.lapse", "as_of": EARLIER}),
        *followed(EARLIER),
    ]


@pytest.mark.django_db
def test_every_scorer_that_is_not_off_is_trained_and_run(asked):
    ScorerSetting.objects.create(key="churn.risk", mode=ScorerMode.OFF)

    tasks.scorers_refresh()

    wanted = [one.key for one in scorers if one.key != "churn.risk" and not one.opt_in]
    assert "churn.sequence" not in wanted
    assert asked == [
        ("scoring.train_and_run", {"queue": "gpu", "scorer_key": key, "as_of": NOW.isoformat()})
        for key in wanted
    ]


@pytest.mark.django_db
def test_one_that_is_trained_once_a_week_is_run_on_its_queue_each_night(asked, monkeypatch):
    alive = scorers.get("value.alive")
    monkeypatch.setattr(alive, "train_every_days", 7)
    monkeypatch.setattr(alive, "queue", "heavy")
    ModelVersionFactory(scorer_key="value.alive", as_of=NOW - timedelta(days=6))

    tasks.scorers_refresh()

    given = {"queue": "heavy", "scorer_key": "value.alive", "as_of": NOW.isoformat()}
    assert ("scoring.run", given) in asked
    assert ("scoring.train_and_run", given) not in asked


def test_a_busy_scorer_is_not_run_with_the_old_model(asked, monkeypatch):
    def busy(**_given):
        raise ScorerBusyError("Scorer dummy.lapse is being trained or run by another worker")

    monkeypatch.setattr(services, "model_train", busy)

    with pytest.raises(ScorerBusyError):
        tasks.model_train_and_run(scorer_key="dummy.lapse")
    assert asked == []


def test_all_of_them_wait_on_the_gpu_queue():
    for task in (tasks.model_train, tasks.scorer_run, tasks.model_train_and_run):
        assert app.amqp.router.route({}, task.name)["queue"].name == "gpu"


def test_a_run_that_fails_is_checked_too(asked, monkeypatch):
    def failing(**_given):
        raise ScorerOutputError("no number")

    monkeypatch.setattr("lifecycle_engine.scoring.running.scorer_run", failing)
    with pytest.raises(ScorerOutputError):
        tasks.scorer_run(scorer_key="dummy.lapse")

    assert asked == [("scoring.check", {"queue": "gpu", "scorer_key": "dummy.lapse"})]


@pytest.mark.django_db
def test_every_scorer_in_use_is_checked_in_a_task_of_its_own(asked):
    ScorerSetting.objects.create(key="churn.risk", mode=ScorerMode.OFF)

    tasks.scorers_check()

    wanted = [one.key for one in scorers if one.key != "churn.risk" and not one.opt_in]
    assert asked == [("scoring.check", {"queue": "gpu", "scorer_key": key}) for key in wanted]
