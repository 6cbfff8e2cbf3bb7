"""Celery tasks: keep membership and stages up."""

from celery import shared_task

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.jobs import job_run
from lifecycle_engine.segments import services, stages, touched


@shared_task(name="segments.refresh")
def refresh(segment_id: int | None = None, cause: str = "schedule") -> None:
    """Compute the membership of one segment, or of all live ones."""
    if segment_id is not None:
        with job_run("segments.refresh", str(segment_id)) as job:
            result = services.segment_refresh(segment_id=segment_id, at=business_now(), cause=cause)
            job.result(size=result.size, joined=result.joined, left=result.left)
        return
    with job_run("segments.refresh") as job:
        report = services.segments_refresh_all(at=business_now(), cause=cause)
        job.result(refreshed=len(report.refreshed), failed=report.failed)


@shared_task(name="segments.refresh_touched")
def refresh_touched() -> None:
    """Take in what is new in the log, and re-evaluate whom it touches."""
    while touched.touched_collect():
        pass
    while touched.touched_settle(at=business_now()) is not None:
        pass


@shared_task(name="segments.refresh_stages")
def refresh_stages() -> None:
    """Compute everybody's lifecycle stage."""
    with job_run("segments.refresh_stages") as job:
        result = stages.stages_refresh(at=business_now())
        job.result(moved=result.moved, events=result.events)
