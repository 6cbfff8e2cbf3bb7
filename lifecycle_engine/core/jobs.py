"""Background work: queueing it after commit, and recording each run where staff see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.models import JobRun, JobState

#: A run is looked after when it was not heard of for so long; it may well be at work.
_SILENT = timedelta(minutes=1)


def enqueue(task_name: str, *, queue: str = "default", **arguments: Any) -> None:
    """Wake a worker up with the named task once the current transaction has committed."""
    transaction.on_commit(
        lambda: current_app.send_task(task_name, kwargs=arguments, queue=queue), robust=False
    )


class JobHandle:
    """What the work inside ``job_run`` reports its progress to."""

    def __init__(self, run: JobRun) -> None:
        self.run = run

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        """Say how far the work is; visible to staff at once."""
        self.run.done, self.run.total = done, total
        self.run.unit = unit or self.run.unit
        JobRun.objects.filter(pk=self.run.pk).update(
            done=done, total=total, unit=self.run.unit, heartbeat_at=Now()
        )

    def result(self, **figures: Any) -> None:
        """Add figures that say what the work came to."""
        self.run.result |= figures


@contextmanager
def job_run(name: str, subject: str = "") -> Iterator[JobHandle]:
    """Record a run of background work: state, duration, result, and the error when it fails.

    Keep it outside ``transaction.atomic()``: progress is to be seen while the work goes on.
    """
    run = JobRun.objects.create(name=name, subject=subject)
    run.refresh_from_db()
    handle = JobHandle(run)
    # Held as long as the process lives: without it nobody could tell a long run from a killed one.
    with advisory_lock(_lock_name(run)):
        try:
            yield handle
        except BaseException as error:
            _finish(run, JobState.FAILED, error=f"{type(error).__name__}: {error}")
            raise
        _finish(run, JobState.SUCCEEDED)


def lost_jobs_fail() -> int:
    """Mark the runs as failed whose process is gone; returns how many there were.

    They end when they were last heard of. What there was to do stands in rows of its own, and is
    gone on with by whoever looks after these.
    """
    lost = 0
    for run in JobRun.objects.filter(state=JobState.RUNNING, heartbeat_at__lt=Now() - _SILENT):
        with advisory_lock(_lock_name(run)) as free:
            if free:
                # A run that ended meanwhile is not running any more.
                lost += JobRun.objects.filter(pk=run.pk, state=JobState.RUNNING).update(
                    state=JobState.FAILED,
                    error="ProcessLostError: the process that did it was killed",
                    finished_at=F("heartbeat_at"),
                )
    return lost


def _lock_name(run: JobRun) -> str:
    return f"job:{run.pk}"


def _finish(run: JobRun, state: JobState, error: str = "") -> None:
    JobRun.objects.filter(pk=run.pk).update(
        state=state, error=error, result=run.result, finished_at=Now(), heartbeat_at=Now()
    )
