"""Background work of the warehouse."""

from celery import shared_task
from django.utils import timezone

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.jobs import job_run
from lifecycle_engine.warehouse import erasure, mirror


@shared_task(name="warehouse.mirror")
def mirror_run() -> None:
    """Bring the columnar copy up to date; leaves no record where there is nothing to do."""
    if mirror.mirror_waits() or not mirror.mirror_is_behind():
        return
    with job_run("warehouse.mirror") as run:
        found = mirror.mirror_run(progress=lambda done: run.progress(done, unit="events"))
        run.result(events=found.events, orders=found.orders, busy=found.busy)


@shared_task(name="warehouse.erase")
def copy_erase() -> None:
    """Erase from the columnar copy whoever was erased; leaves no record where there is nobody."""
    if not erasure.copy_erase_due():
        return
    with job_run("warehouse.erase") as run:
        run.result(erasures=erasure.copy_erase())


@shared_task(name="warehouse.retain")
def mirror_retain() -> None:
    """Delete the months that the log has dropped; leaves no record where there are none."""
    mirror.mirror_retain(at=min(timezone.now(), business_now()))
