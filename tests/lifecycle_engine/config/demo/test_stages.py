"""Stages are done once or again, and workers are watched."""

import io

import pytest
from rich.console import Console

from lifecycle_engine.config.demo import working
from lifecycle_engine.config.demo.progress import Stages
from lifecycle_engine.config.demo.working import WorkerError, work_until, work_watch
from lifecycle_engine.core.models import JobRun, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def stages():
    with Stages(Console(file=io.StringIO())) as shown:
        yield shown


@pytest.fixture
def bar(stages):
    with stages._stage("a stage") as shown:
        yield shown


def _count_to(calls):
    def work(bar):
        calls.append(1)
        bar.figures["calls"] = len(calls)

    return work


def test_a_stage_done_once_is_not_done_again(stages):
    calls = []

    first = stages.once("load", "Load", _count_to(calls))
    second = stages.once("load", "Load", _count_to(calls))

    assert calls == [1]
    assert first == second
    assert first["calls"] == 1


def test_a_stage_done_again_keeps_its_first_figures(stages):
    calls = []

    first = stages.again("send", "Send", _count_to(calls))
    second = stages.again("send", "Send", _count_to(calls))

    assert calls == [1, 1]
    assert first == second


def test_a_stage_that_failed_is_done_again(stages):
    def fail(_bar):
        raise WorkerError("the worker is gone")

    with pytest.raises(WorkerError):
        stages.once("load", "Load", fail)

    assert stages.once("load", "Load", _count_to([]))["calls"] == 1


def test_work_ends_when_nothing_is_left(bar, monkeypatch):
    queued, left = [], [2, 2, 1, 0]
    monkeypatch.setattr(working, "enqueue", queued.append)

    work_until(lambda: left.pop(0), bar=bar, total=2, task="some.work")

    assert queued == ["some.work"]
    assert left == []


def test_work_that_nobody_does_is_an_error(bar, monkeypatch):
    monkeypatch.setattr(working, "enqueue", lambda _task: None)
    monkeypatch.setattr(working, "_SILENT_SECONDS", 0.2)

    with pytest.raises(WorkerError, match="3 of 5 are left"):
        work_until(lambda: 3, bar=bar, total=5, task="some.work")


def _job_ends_as(monkeypatch, state, **fields):
    def enqueue(_task, **_arguments):
        JobRun.objects.create(name="some.job", subject="a", state=state, **fields)

    monkeypatch.setattr(working, "enqueue", enqueue)


def test_a_watched_job_gives_its_figures(bar, monkeypatch):
    JobRun.objects.create(name="some.job", subject="a", state=JobState.SUCCEEDED, result={"n": 1})
    _job_ends_as(monkeypatch, JobState.SUCCEEDED, result={"n": 2})

    assert work_watch("some.task", bar=bar, job="some.job", subject="a") == {"n": 2}


def test_a_watched_job_that_fails_is_an_error_with_its_reason(bar, monkeypatch):
    _job_ends_as(monkeypatch, JobState.FAILED, error="ValueError: no history")

    with pytest.raises(WorkerError, match="a failed: ValueError: no history"):
        work_watch("some.task", bar=bar, job="some.job", subject="a")
