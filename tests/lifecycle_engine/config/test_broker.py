"""The broker's queues are there before several workers start."""

import pytest
from kombu import Connection, Queue
from kombu.exceptions import ChannelError

from lifecycle_engine.config import broker


def _declared(connection, name):
    try:
        Queue(name)(connection.default_channel).queue_declare(passive=True)
    except ChannelError:
        return False
    return True


def test_every_queue_is_declared_and_doing_it_again_changes_nothing(monkeypatch):
    with Connection("memory://") as connection:
        monkeypatch.setattr(broker.app, "connection_for_write", connection.clone)

        broker.broker_prepare()
        broker.broker_prepare()

        assert _declared(connection, "default")
        assert _declared(connection, "gpu")
        assert not _declared(connection, "no-such-queue")


@pytest.fixture(autouse=True)
def _nothing_before():
    """The memory transport keeps its queues for the life of the process."""
    with Connection("memory://") as connection:
        connection.default_channel.queues.clear()
