"""Housekeeping of the log, and importing files."""

from celery import shared_task
from django.utils import timezone

from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.events import attribute_log, services
from lifecycle_engine.events.imports import services as imports

_TURN_SECONDS = 20.0


@shared_task(name="events.sweep")
def sweep() -> None:
    """Make the partitions to come; remove what has been kept for its time."""
    # By the wall clock, whatever day it is in a demonstration: new events are stamped with it.
    services.partitions_prepare(at=timezone.now())
    services.log_sweep()
    imports.imports_sweep(at=timezone.now())


@shared_task(name="events.run_imports")
def run_imports() -> None:
    """Import what is left of uploaded files, for a while; other tasks get their turn between."""
    if imports.imports_advance(at=timezone.now(), seconds=_TURN_SECONDS):
        enqueue("events.run_imports")


@shared_task(name="events.learn_attributes")
def learn_attributes() -> None:
    """Learn the kinds of customers' attributes from what is new in the log."""
    while attribute_log.attributes_learn():
        pass
