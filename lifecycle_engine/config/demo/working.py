"""Having a worker do something, and watching it."""

import time
from collections.abc import Callable

from django.utils import timezone

from lifecycle_engine.config.demo.progress import Bar
from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.core.models import JobRun, JobState

_POLL_SECONDS = 0.1
_SILENT_SECONDS = 120
_TICK_SECONDS = 5


class WorkerError(Exception):
    """A worker failed, or gave no sign of life."""


def work_watch(
    task: str,
    *,
    bar: Bar,
    job: str,
    subject: str | None = None,
    queue: str = "default",
    **arguments: object,
) -> dict[str, object]:
    """Queue a task and watch the job that it records until it ends; returns the job's figures.

    Args:
        task: the Celery task's name.
        bar: moved as the job reports progress.
        job: the name under which the task records its run.
        subject: the subject under which it does so; None for any.
        queue: the queue whose workers do it.
        **arguments: the task's own.

    Raises:
        WorkerError: the job failed, or nothing was heard of it for two minutes.
    """
    runs = JobRun.objects.filter(name=job)
    if subject is not None:
        runs = runs.filter(subject=subject)
    newest = runs.order_by("-pk").values_list("pk", flat=True).first() or 0
    enqueue(task, queue=queue, **arguments)
    queued_at = timezone.now()
    while True:
        time.sleep(_POLL_SECONDS)
        run = runs.filter(pk__gt=newest).order_by("pk").first()
        if run is None:
            if (timezone.now() - queued_at).total_seconds() > _SILENT_SECONDS:
                raise WorkerError(f"No worker took up {task} {subject or ''}")
            continue
        bar.to(run.done, run.total)
        if run.state == JobState.FAILED:
            raise WorkerError(f"{task} {subject or ''} failed: {run.error}")
        if run.state == JobState.SUCCEEDED:
            return dict(run.result)
        if (timezone.now() - run.heartbeat_at).total_seconds() > _SILENT_SECONDS:
            raise WorkerError(
                f"{task} {subject or ''} gave no sign of life for {_SILENT_SECONDS} s"
            )


def work_until(left: Callable[[], int], *, bar: Bar, total: int, task: str) -> None:
    """Have workers do a task until nothing is left to do.

    For work that stands in rows: others may have woken the workers before, and whoever does it, it
    is done once nothing is left.

    Args:
        left: how many rows are still to be done.
        bar: moved as their number falls.
        total: how many rows there are in all.
        task: the Celery task's name; queued again while nothing moves, as the clock would.

    Raises:
        WorkerError: nothing became of it for two minutes.
    """
    before, changed_at, tick_at = total, time.monotonic(), 0.0
    while remaining := left():
        now = time.monotonic()
        if remaining != before:
            before, changed_at, tick_at = remaining, now, now + _TICK_SECONDS
        if now - changed_at > _SILENT_SECONDS:
            raise WorkerError(f"{task}: {remaining} of {total} are left, and nobody does them")
        if now > tick_at:
            enqueue(task)
            tick_at = now + _TICK_SECONDS
        bar.to(total - remaining, total)
        time.sleep(_POLL_SECONDS)
    bar.to(total, total)
