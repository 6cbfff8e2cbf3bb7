"""Housekeeping of what the composition root brought along."""

from celery import shared_task

from lifecycle_engine.config.broker import broker_embedded
from lifecycle_engine.core.sql import sql_execute


@shared_task(name="config.sweep_broker")
def sweep_broker() -> None:
    """Remove what the embedded broker keeps of messages that were taken."""
    if broker_embedded():
        sql_execute("engine_config", "broker_sweep")
