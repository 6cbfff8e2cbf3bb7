"""Housekeeping of the log, and importing files."""

import logging

from celery import shared_task
from django.utils import timezone

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.events import attribute_log, services
from lifecycle_engine.events.imports import services as imports
from lifecycle_engine.events.retention import log_retire

_TURN_SECONDS = 20.0
_logger = logging.getLogger(__name__)


@shared_task(name="events.sweep")
def sweep() -> None:
    """Make the partitions to come; remove what has been kept for its time."""
    # By the wall clock, whatever day it is in a demonstration: new events are stamped with it.
    now = timezone.now()
    services.partitions_prepare(at=now)
    services.log_sweep()
    imports.imports_sweep(at=now)
    # By the earlier one, so that a demonstration of the past keeps its events.
    retired = log_retire(at=min(now, business_now()))
    for month, hold in retired.held.items():
        _logger.warning("The log's month %s is old enough, but held up: %s", month, hold)
    if retired.dropped:
        _logger.info("Dropped from the log: %s", ", ".join(map(str, retired.dropped)))


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
