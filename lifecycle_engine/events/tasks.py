"""Housekeeping of the log."""

from celery import shared_task

from lifecycle_engine.events import services


@shared_task(name="events.sweep")
def sweep() -> None:
    """Remove receipts and rejected events that have been kept long enough."""
    services.log_sweep()
