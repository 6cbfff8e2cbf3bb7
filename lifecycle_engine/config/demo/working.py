"""Having a worker do something, and watching it."""

import time

from django.utils import timezone

from lifecycle_engine.config.demo.progress import Bar
from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.core.models import JobRun, JobState

_POLL_SECONDS = 0.1
_SILENT_SECONDS = 120


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
