"""The published SDKs against a real server that is killed while they send.

Everything that they were told is accepted is stored, everything gets there in the end, nothing
twice.
"""

import os
import time
from contextlib import contextmanager

import psycopg
import pytest
import rudderstack.analytics.client
import segment.analytics.client

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from tests.site import PATIENCE_SECONDS, Site

#: Of each client; ``TRACKING_EVENTS=10000`` for a longer look.
EVENTS = int(os.environ.get("TRACKING_EVENTS", "1500"))


@pytest.fixture
def keys(transactional_db):
    return {
        name: api_key_create(name=name, scopes=[Scope.EVENTS_WRITE])[1]
        for name in ("segment", "rudder")
    }


@pytest.fixture
def database(keys, database_copied):
    with (
        database_copied("tracking") as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.url = url
        yield connection


@pytest.fixture
def site(database, tmp_path, settings):
    # As many as it takes for one to know nothing of what another one was told.
    settings.WEB_WORKERS = 2
    server = Site(
        os.environ
        | {"VAR": str(tmp_path), "DATABASE_URL": database.url, "SECRET_KEY": settings.SECRET_KEY}
    )
    with server:
        server.start()
        yield server


@contextmanager
def client(kind, key, url, **options):
    """A client of an SDK, flushed and stopped at the end."""
    failed = []
    sender = kind(key, host=url, on_error=lambda error, items: failed.append(error), **options)
    yield sender
    sender.flush()
    sender.join()
    assert failed == []


def stored(database):
    query = "SELECT source, count(*), count(DISTINCT message_id) FROM events_event GROUP BY 1"
    return {source: counts for source, *counts in database.execute(query)}


def test_everything_arrives_once_though_the_server_is_killed(site, database, keys):
    # When two clients send, each in its own way
    with (
        client(segment.analytics.client.Client, keys["segment"], site.url) as segments,
        client(rudderstack.analytics.client.Client, keys["rudder"], site.url) as rudder,
    ):
        for number in range(EVENTS):
            for sender, user in ((segments, "user_id"), (rudder, "anonymous_id")):
                sender.track(
                    event="Product Viewed",
                    properties={"product_id": str(number), "price": 1.5},
                    **{user: f"person-{number % 50}"},
                )
        # And the server is killed while they do
        deadline = time.monotonic() + PATIENCE_SECONDS
        while sum(counts[0] for counts in stored(database).values()) < EVENTS // 3:
            assert time.monotonic() < deadline, stored(database)
            time.sleep(0.01)
        site.kill()
        at_the_kill = stored(database)
        site.start()

    # Then it was killed in the middle, and each event is there, once
    assert sum(counts[0] for counts in at_the_kill.values()) < 2 * EVENTS
    assert stored(database) == {"api:segment": [EVENTS, EVENTS], "api:rudder": [EVENTS, EVENTS]}
    people = "SELECT count(*), count(external_id) FROM customers_customer"
    assert database.execute(people).fetchone() == (100, 50)
