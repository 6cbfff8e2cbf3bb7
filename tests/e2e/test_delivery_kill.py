"""A worker is killed in the middle of delivery: nobody gets a message twice, none is lost."""

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from email import message_from_bytes
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings

from lifecycle_engine.config.environment import ROOT
from lifecycle_engine.messaging.services import QueuedMessage, messages_queue
from tests.factories.messaging import EmailTemplateFactory, ReaderFactory
from tests.worker import broker_url, wake, worker

MESSAGES = 300
LEASE_SECONDS = 2
SINK = [sys.executable, "-m", "lifecycle_engine.messaging.mail_sink"]
PATIENCE_SECONDS = 150


@pytest.fixture
def database_url(database_copied):
    """A database of its own that holds the queued messages."""
    template = EmailTemplateFactory()
    messages_queue(
        rows=[
            QueuedMessage(
                customer_id=customer.pk,
                template_key=template.key,
                channel="email",
                campaign="winback",
                dedupe_key=f"winback:{customer.pk}",
                context={"code": f"CODE{customer.pk}"},
            )
            for customer in ReaderFactory.create_batch(MESSAGES)
        ]
    )
    with database_copied("delivery_kill") as url:
        yield url


@pytest.fixture
def environment(database_url, tmp_path):
    """What the processes get: a state folder, a database and a sink of their own."""
    own = os.environ | {
        "VAR": str(tmp_path),
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker_url(database_url),
        "SECRET_KEY": settings.SECRET_KEY,
        "POSTAL_ADDRESS": "1 Example Street",
        "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
        "WORKER_READY_FILE": str(tmp_path / "ready"),
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [*SINK, "--folder", str(tmp_path / "sink"), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    ) as sink:
        try:
            yield own | {"EMAIL_URL": f"smtp://127.0.0.1:{port}"}
        finally:
            sink.terminate()


def wait_until(condition, log):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain\n{log.read_text()[-5000:]}")
        time.sleep(0.02)


def received(folder):
    return [path for path in (folder / "sink" / "email").glob("*.eml") if path.name[0] != "."]


def listens(url):
    try:
        socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_killed_worker_sends_nothing_twice_and_loses_nothing(environment, tmp_path):
    log = tmp_path / "worker.log"
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as database:

        def states():
            return dict(
                database.execute("SELECT state, count(*) FROM messaging_message GROUP BY 1")
            )

        def leases_over():
            query = "SELECT count(*) FROM messaging_message WHERE lease_until > now()"
            return database.execute(query).fetchone() == (0,)

        # When a worker is killed in the middle of the delivery
        with worker(environment, log):
            # Who wakes it would else race it for making the broker's tables.
            wait_until((tmp_path / "ready").exists, log)
            wait_until(lambda: listens(environment["EMAIL_URL"]), log)
            wake(environment, "messaging.deliver")
            wait_until(lambda: len(received(tmp_path)) >= MESSAGES // 3, log)
        at_the_kill = states()
        wait_until(leases_over, log)

        # And another one finds its work
        with worker(environment, log):
            wake(environment, "messaging.recover")
            wait_until(lambda: set(states()) <= {"sent", "unknown"}, log)

        # Then every message is sent or, at most the one that was under way, unknown
        assert at_the_kill["queued"] > 0
        assert at_the_kill["sent"] > 0
        final = Counter(states())
        assert final["sent"] + final["unknown"] == MESSAGES
        assert final["unknown"] == at_the_kill.get("sending", 0) <= 1
        # And nobody got one twice, and everybody whose message counts as sent got it
        ids = [message_from_bytes(path.read_bytes())["Message-ID"] for path in received(tmp_path)]
        assert len(ids) == len(set(ids))
        rows = database.execute(
            "SELECT provider_id FROM messaging_message WHERE state = 'sent'"
        ).fetchall()
        sent = {provider_id for (provider_id,) in rows}
        assert sent <= set(ids)
        assert len(set(ids) - sent) <= final["unknown"]
        # And the log says the same
        events = "SELECT count(*) FROM events_event WHERE name = 'Email Sent'"
        assert database.execute(events).fetchone() == (final["sent"],)
