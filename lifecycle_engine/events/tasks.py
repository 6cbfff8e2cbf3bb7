"""Housekeeping of the log."""

from celery import shared_task
from django.utils import timezone

from lifecycle_engine.events import services


@shared_task(name="events.sweep")
def sweep() -> None:
    """Make the partitions to come; remove receipts and rejected events after their time."""
    # By the wall clock, whatever day it is in a demonstration: new events are stamped with it.
    services.partitions_prepare(at=timezone.now())
    services.log_sweep()
