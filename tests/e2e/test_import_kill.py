"""An import is killed in the middle: every row is in exactly once."""

import json
import os
import signal
import subprocess
import sys
import time

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings

from lifecycle_engine.config.environment import ROOT
from lifecycle_engine.events.imports.limits import CHUNK_ROWS

#: Three transactions' worth: it is killed in the second one.
ROWS = 3 * CHUNK_ROWS
KILLS = 1
PATIENCE_SECONDS = 120


@pytest.fixture
def environment(database_copied, tmp_path):
    with database_copied("import_kill") as url:
        yield os.environ | {
            "VAR": str(tmp_path),
            "DATABASE_URL": url,
            "SECRET_KEY": settings.SECRET_KEY,
            "PLUGINS": "",
        }


@pytest.fixture
def file(tmp_path):
    """Rows without message ids, one in a thousand of them wrong."""
    numbers = range(ROWS)
    table = pa.table(
        {
            "user_id": [str(number % 500) for number in numbers],
            "event": ["" if number % 1000 == 7 else "Seen" for number in numbers],
            "timestamp": [f"2026-01-{number % 28 + 1:02d}T10:00:00Z" for number in numbers],
            "properties": [json.dumps({"n": number}) for number in numbers],
        }
    )
    path = tmp_path / "events.parquet"
    pq.write_table(table, path)
    return path


def command(file):
    return [sys.executable, str(ROOT / "manage.py"), "import", "events", str(file)]


def rows_read(database):
    found = database.execute("SELECT rows FROM events_import").fetchone()
    return found[0] if found else 0


def test_a_killed_import_goes_on_and_every_row_is_in_once(environment, file):
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as database:
        for _ in range(KILLS):
            # When the command is killed in the middle of a transaction
            before = rows_read(database)
            with subprocess.Popen(
                command(file),
                env=environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            ) as process:
                deadline = time.monotonic() + PATIENCE_SECONDS
                while rows_read(database) == before:
                    assert process.poll() is None, "it ended by itself"
                    assert time.monotonic() < deadline
                    time.sleep(0.005)
                time.sleep(0.1)
                os.killpg(process.pid, signal.SIGKILL)
            assert before < rows_read(database) < ROWS

        # And is started again
        ended = subprocess.run(
            command(file),
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )

        # Then every row is in once, and every bad one is named once
        bad = ROWS // 1000
        assert "Going on after row" in ended.stderr
        assert f"{ROWS:,} rows: {ROWS - bad:,} new, 0 changed" in ended.stdout
        counted = "SELECT count(*), count(DISTINCT properties->>'n') FROM events_event"
        assert database.execute(counted).fetchone() == (ROWS - bad, ROWS - bad)
        rejected = "SELECT count(*), count(DISTINCT row) FROM events_importrejection"
        assert database.execute(rejected).fetchone() == (bad, bad)
        told = "SELECT state, rows, created, rejected, unchanged FROM events_import"
        assert database.execute(told).fetchall() == [("succeeded", ROWS, ROWS - bad, bad, 0)]
