"""Housekeeping of what the composition root brought along."""

from celery import shared_task
from django.conf import settings

from lifecycle_engine.core.sql import sql_execute


@shared_task(name="config.sweep_broker")
def sweep_broker() -> None:
    """Remove what the embedded broker keeps of messages that were taken."""
    if settings.CELERY_BROKER_URL.startswith("sqla+"):
        sql_execute("engine_config", "broker_sweep")
