"""The embedded broker's queues are there before several workers start."""

import pytest
from django.core.management import call_command
from kombu import Connection, Queue
from kombu.exceptions import ChannelError

from lifecycle_engine.config import broker


def _declared(connection, name):
    try:
        Queue(name)(connection.default_channel).queue_declare(passive=True)
    except ChannelError:
        return False
    return True


@pytest.fixture
def connection(monkeypatch):
    """A broker that stands for the embedded one, with nothing in it."""
    with Connection("memory://") as memory:
        # The memory transport keeps its queues for the life of the process.
        memory.default_channel.queues.clear()
        monkeypatch.setattr(broker.app, "connection_for_write", memory.clone)
        yield memory


def test_every_queue_is_declared_and_doing_it_again_changes_nothing(connection, settings):
    settings.CELERY_BROKER_URL = "sqla+postgresql+psycopg://localhost/engine"

    broker.broker_prepare()
    broker.broker_prepare()

    assert _declared(connection, "default")
    assert _declared(connection, "gpu")
    assert not _declared(connection, "no-such-queue")


def test_a_broker_of_its_own_is_left_alone(connection, settings):
    settings.CELERY_BROKER_URL = "redis://localhost"

    broker.broker_prepare()

    assert not _declared(connection, "default")


@pytest.mark.django_db
def test_migrating_prepares_the_broker(connection, settings):
    settings.CELERY_BROKER_URL = "sqla+postgresql+psycopg://localhost/engine"

    call_command("migrate", verbosity=0)

    assert _declared(connection, "default")
