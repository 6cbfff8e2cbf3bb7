"""A published SDK sends while everything fails: nothing told is lost, nothing is stored twice.

Not part of ``make test``: ``make test-faults``. All traffic is to the loopback address, and both
the number of events and the time are bounded.
"""

import gzip
import http.client
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import psycopg
import pytest
import segment.analytics.client

from lifecycle_engine.config.embedded.postgres import postgres_pid
from lifecycle_engine.config.environment import ROOT
from tests.site import Site

pytestmark = pytest.mark.faults

EVENTS = 10_000
FAULTY = 0.3


class Faulty(ThreadingHTTPServer):
    """Stands between client and server and spoils some of the requests, in either direction.

    Attributes:
        told: the message ids of all batches that the client was told are accepted.
    """

    daemon_threads = True

    def __init__(self, site, *, seed):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site
        self.told = set()
        self.spoilt = 0
        self.rng = random.Random(seed)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = None
        if self.server.rng.random() < FAULTY:
            self.server.spoilt += 1
            fault = self.server.rng.choice(["500", "429", "reset", "answer lost"])
        if fault in {"500", "429"}:
            self._answer(int(fault), b'{"code": "x", "message": "x"}', {"Retry-After": "1"})
            return
        if fault == "reset":
            self._reset()
            return
        try:
            status, answer, headers = self._passed_on(body)
        except (OSError, http.client.HTTPException):
            self._reset()
            return
        if fault == "answer lost":
            self._reset()
            return
        if status == 200:
            zipped = self.headers.get("Content-Encoding") == "gzip"
            sent = json.loads(gzip.decompress(body) if zipped else body)
            self.server.told.update(event["messageId"] for event in sent["batch"])
        self._answer(status, answer, headers)

    def _passed_on(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.site.port, timeout=20)
        try:
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
            kept = {"Retry-After": answer.headers.get("Retry-After")}
            told = answer.read()
            return answer.status, told, {name: value for name, value in kept.items() if value}
        finally:
            connection.close()

    def _answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self):
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_arguments):
        """Say nothing."""


_KEEPER = """
import sys, time
from pathlib import Path
from lifecycle_engine.config.embedded.postgres import postgres_start
print(postgres_start(Path(sys.argv[1])), flush=True)
time.sleep(3600)
"""


class Database:
    """A PostgreSQL of its own, which can be killed and started again.

    Another process starts it each time: within one, the library believes that it still runs.
    """

    def __init__(self, folder):
        self._folder = folder
        self.start()

    def start(self):
        self._keeper = subprocess.Popen(
            [sys.executable, "-c", _KEEPER, str(self._folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._keeper.stdout.readline().strip()
        assert self.url, "the database did not start"

    def kill(self):
        self._keeper.kill()
        self._keeper.communicate()
        postmaster = psutil.Process(postgres_pid(self._folder))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=20)

    def rows(self, query):
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def database():
    # Not below pytest's folder: PostgreSQL runs as another user, who can't look into that.
    with tempfile.TemporaryDirectory(prefix="lifecycle-faults-", ignore_cleanup_errors=True) as own:
        Path(own).chmod(0o755)
        server = Database(Path(own))
        yield server
        server.kill()


@pytest.fixture
def environment(database, tmp_path):
    own = {"VAR": str(tmp_path), "DATABASE_URL": database.url, "SECRET_KEY": "x" * 50}
    return os.environ | own | {"CELERY_BROKER_URL": "memory://"}


@pytest.fixture
def key(environment):
    def manage(*arguments):
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    manage("migrate")
    return manage("api_key", "create", "--name", "shop", "--scope", "events:write")


@pytest.fixture
def site(environment):
    server = Site(environment)
    server.start()
    yield server
    server.kill()


def web_killed(site, _database):
    site.kill()
    time.sleep(0.5)
    site.start()


def database_killed(_site, database):
    database.kill()
    time.sleep(0.5)
    database.start()


@pytest.mark.parametrize("fault", [web_killed, database_killed])
def test_nothing_that_was_acknowledged_is_lost_and_nothing_is_stored_twice(
    key, site, database, fault
):
    proxy = Faulty(site, seed=7)
    failed = []
    client = segment.analytics.client.Client(
        key, host=proxy.url, on_error=lambda error, _items: failed.append(error), thread=2
    )

    # When everything fails again and again while the client sends
    for number in range(EVENTS):
        client.track(user_id=f"u{number % 97}", event="Seen", properties={"number": number})
    kills = 0
    deadline = time.monotonic() + 300
    for share in (0.2, 0.4, 0.6):
        while len(proxy.told) < share * EVENTS:
            assert time.monotonic() < deadline, (len(proxy.told), failed)
            time.sleep(0.01)
        fault(site, database)
        kills += 1
        told = set(proxy.told)
        assert len(told) < EVENTS, "it was killed too late"
    client.flush()
    client.join()
    proxy.shutdown()

    # Then all that the client was told is there, and all that it sent, once
    stored = [row[0] for row in database.rows("SELECT message_id FROM events_event")]
    assert proxy.told <= set(stored)
    assert (len(stored), len(set(stored))) == (EVENTS, EVENTS)
    assert failed == []
    numbers = database.rows("SELECT count(DISTINCT properties->>'number') FROM events_event")
    assert numbers == [(EVENTS,)]
    sys.stdout.write(f"\n{EVENTS} events, {proxy.spoilt} requests spoilt, killed {kills} times\n")
