"""Looking after background work itself."""

from celery import shared_task

from lifecycle_engine.core.jobs import lost_jobs_fail


@shared_task(name="core.fail_lost_jobs")
def jobs_look_after() -> None:
    """Say of the runs whose process was killed that they failed."""
    lost_jobs_fail()
