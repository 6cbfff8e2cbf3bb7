"""The embedded broker, which is the same PostgreSQL: getting it ready for several workers."""

from lifecycle_engine.config.celery import app


def broker_prepare() -> None:
    """Make the broker's tables and queues, before workers that start together would race to do it.

    Harmless for other brokers, where declaring a queue that is there changes nothing.
    """
    with app.connection_for_write() as connection, connection.channel() as channel:
        for queue in app.conf.task_queues:
            queue(channel).declare()
