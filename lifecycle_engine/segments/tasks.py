"""Celery tasks: keep membership and stages up."""

from contextlib import suppress

from celery import shared_task

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.jobs import JobHandle, job_run
from lifecycle_engine.segments import due, passing, refreshing, stages, stages_following, touched
from lifecycle_engine.segments.evaluation import SegmentRefreshError
from lifecycle_engine.segments.selectors import segments_dynamic


@shared_task(name="segments.refresh")
def refresh(segment_id: int | None = None, cause: str = "schedule") -> None:
    """Compute one segment now, or have all computed that a rule keeps up."""
    if segment_id is None:
        wanted = segments_dynamic().values_list("pk", flat=True)
        due.refreshes_want(segment_ids=list(wanted), cause=cause)
        return
    with job_run("segments.refresh", str(segment_id)) as job:
        _report(
            job,
            refreshing.segment_refresh(segment_id=segment_id, at=business_now(), cause=cause),
        )


@shared_task(name="segments.refresh_due")
def refresh_due() -> None:
    """Compute the segments that are due, unless enough are being computed; one after the other."""
    due.refreshes_recover()
    with due.refresh_slot() as free:
        while free and (segments := due.refreshes_due()):
            # What is wrong with it stands in its row and in the job's; the others have their turn.
            with suppress(SegmentRefreshError):
                _refresh_due(segments[0].pk)


def _refresh_due(segment_id: int) -> None:
    with job_run("segments.refresh", str(segment_id)) as job:
        _report(job, refreshing.segment_refresh_due(segment_id=segment_id, at=business_now()))


def _report(job: JobHandle, result: refreshing.RefreshResult | None) -> None:
    if result is not None:
        job.result(size=result.size, joined=result.joined, left=result.left)


@shared_task(name="segments.refresh_touched")
def refresh_touched() -> None:
    """Take in what is new in the log, and ask about whom it touches."""
    while touched.touched_collect(at=business_now()):
        pass
    while touched.touched_settle(at=business_now()) is not None:
        pass


@shared_task(name="segments.pass_time")
def pass_time() -> None:
    """Ask again about those who may join or leave because time has passed."""
    passing.time_pass(at=business_now())


@shared_task(name="segments.follow_stages")
def follow_stages() -> None:
    """Bring the stages of customers with news up to date."""
    while stages_following.stages_follow(at=business_now()):
        pass


@shared_task(name="segments.refresh_stages")
def refresh_stages() -> None:
    """Compute everybody's lifecycle stage."""
    with job_run("segments.refresh_stages") as job:
        result = stages.stages_refresh(at=business_now())
        job.result(moved=result.moved, events=result.events)
