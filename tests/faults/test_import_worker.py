"""Celery workers are killed while they import an uploaded file: every row is in exactly once.

Not part of ``make test``: ``make test-faults``.
"""

import json
import os
import random
import subprocess
import sys
import time

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings

from lifecycle_engine.config.environment import ROOT
from tests.worker import broker_url, migrate, wake, worker

pytestmark = pytest.mark.faults

ROWS = 400_000
KILLS = 3
PATIENCE_SECONDS = 300
TASK = "events.run_imports"

_UPLOAD = """
from django.core.files import File
from lifecycle_engine.events.imports.services import import_upload
with open({path!r}, "rb") as file:
    import_upload(kind="events", source="shop", file=File(file, name="events.parquet"),
                  mapping={mapping!r}, dry_run=False, by="staff")
"""


@pytest.fixture
def environment(database_copied, tmp_path):
    with database_copied("import_worker") as url:
        own = os.environ | {
            "VAR": str(tmp_path),
            "DATABASE_URL": url,
            "CELERY_BROKER_URL": broker_url(url),
            "SECRET_KEY": settings.SECRET_KEY,
            "PLUGINS": "",
        }
        migrate(own)
        yield own


@pytest.fixture
def uploaded(environment, tmp_path):
    """A file that staff have uploaded; its rows have no message ids."""
    numbers = range(ROWS)
    columns = {
        "user_id": [str(number % 500) for number in numbers],
        "event": ["" if number % 1000 == 7 else "Seen" for number in numbers],
        "timestamp": [f"2026-01-{number % 28 + 1:02d}T10:00:00Z" for number in numbers],
        "properties": [json.dumps({"n": number}) for number in numbers],
    }
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table(columns), path)
    script = _UPLOAD.format(path=str(path), mapping={name: name for name in columns})
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "-c", script]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("uploaded")
def test_killed_workers_import_every_row_once(environment, tmp_path):
    log, rng, reached = tmp_path / "worker.log", random.Random(3), []
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as database:

        def rows_read():
            return database.execute("SELECT rows FROM events_import").fetchone()[0]

        def wait_for(rows):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while rows_read() < rows:
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.01)

        for kill in range(KILLS):
            with worker(environment, log):
                wake(environment, TASK)
                wait_for(max(ROWS * (kill + 1) // (KILLS + 2), rows_read() + 1))
                time.sleep(rng.random() / 2)
            reached.append(rows_read())
        assert reached == sorted(set(reached))
        assert reached[-1] < ROWS, "it was done before the last kill"

        with worker(environment, log):
            wake(environment, TASK)
            wait_for(ROWS)
            told = "SELECT state, rows, created, rejected, unchanged FROM events_import"
            deadline = time.monotonic() + PATIENCE_SECONDS
            while database.execute(told).fetchone()[0] != "succeeded":
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.1)

        bad = ROWS // 1000
        assert database.execute(told).fetchall() == [("succeeded", ROWS, ROWS - bad, bad, 0)]
        counted = "SELECT count(*), count(DISTINCT properties->>'n') FROM events_event"
        assert database.execute(counted).fetchone() == (ROWS - bad, ROWS - bad)
        rejected = "SELECT count(*), count(DISTINCT row) FROM events_importrejection"
        assert database.execute(rejected).fetchone() == (bad, bad)
        sys.stdout.write(f"\nkilled behind rows {reached} of {ROWS:,}; every row is in once\n")
