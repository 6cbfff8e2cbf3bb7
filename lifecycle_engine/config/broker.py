"""The embedded broker, which is the same PostgreSQL: getting it ready for several workers."""

from typing import Any

from django.conf import settings

from lifecycle_engine.config.celery import app


def broker_embedded() -> bool:
    """Whether the broker's messages stand in the engine's own database."""
    return bool(settings.CELERY_BROKER_URL.startswith("sqla+"))


def broker_prepare(**_: Any) -> None:
    """Make the embedded broker's tables and queues; called after every ``migrate``.

    kombu makes its tables when it first needs them, and processes that start together then race to
    do it: all but one of them fail. Doing it again changes nothing.
    """
    if not broker_embedded():
        return
    with app.connection_for_write() as connection, connection.channel() as channel:
        for queue in app.conf.task_queues:
            queue(channel).declare()
