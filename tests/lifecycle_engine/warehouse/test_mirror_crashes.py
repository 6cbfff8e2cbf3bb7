"""A mirror that ends anywhere neither loses nor doubles a row."""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lifecycle_engine.core.bulk import adbc_url
from lifecycle_engine.warehouse import mirror
from tests.factories.mirror import (
    assert_copy_equals_log,
    copied,
    orders_in_the_log,
)


class _CrashError(BaseException):
    """Stands for the end of the process, which writes nothing down."""


STEPS = ("plan", "events", "orders", "order_lines", "confirm")


def crashing(step: str, *, after: bool):
    """Let the mirror end just before or just after a step of its next batch."""
    target, name = {
        "plan": (mirror.readers, "reader_plan"),
        "confirm": (mirror.readers, "reader_confirm"),
    }.get(step, (mirror, "_table_append"))
    real = getattr(target, name)

    def crash(*arguments: Any) -> Any:
        if name == "_table_append" and arguments[1] != step:
            return real(*arguments)
        if after:
            real(*arguments)
        raise _CrashError

    return patch.object(target, name, crash)


happenings = st.lists(
    st.one_of(
        st.integers(1, 5).map(lambda count: ("ingest", count)),
        st.integers(1, 4).map(lambda size: ("run", size)),
        st.tuples(st.sampled_from(STEPS), st.booleans()).map(lambda where: ("crash", *where)),
    ),
    max_size=7,
)


@pytest.mark.django_db(transaction=True)
@hypothesis_settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=happenings)
def test_however_often_it_crashes_every_event_is_copied_once(story, settings):
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE events_event, events_eventreceipt, events_reader CASCADE")
    with tempfile.TemporaryDirectory() as folder:
        settings.WAREHOUSE_URL = f"duckdb://{folder}?threads=1"
        ingested = 0
        for kind, *how in story:
            if kind == "ingest":
                orders_in_the_log(how[0], first=ingested)
                ingested += how[0]
            elif kind == "run":
                mirror.mirror_run(batch_events=how[0])
            else:
                with crashing(how[0], after=how[1]), suppress(_CrashError):
                    mirror.mirror_run(batch_events=2)

        mirror.mirror_run()

        assert_copy_equals_log()


# Forks a process per crash point. Each is killed at one more call than the one before it.
_KILLED = """
import os, signal, sys
import django
django.setup()
from lifecycle_engine.warehouse import mirror

POINTS = [(mirror.readers, "reader_plan"), (mirror, "_table_append"),
          (mirror.readers, "reader_confirm")]

def killed_at(point):
    passed = 0
    def pass_point():
        nonlocal passed
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1
    def guard(real):
        def call(*arguments):
            pass_point()
            found = real(*arguments)
            pass_point()
            return found
        return call
    for module, name in POINTS:
        setattr(module, name, guard(getattr(module, name)))
    mirror.mirror_run(batch_events=5)

for point in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        killed_at(point)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else "ended", flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_killed_at_every_point_it_neither_loses_nor_doubles_a_row(settings):
    orders_in_the_log(60)
    points = 2 * 5  # Before and after each of the five steps of a batch.

    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(points)],
        cwd=Path(__file__).parents[3],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
            "DATABASE_URL": adbc_url(),
            "WAREHOUSE_URL": settings.WAREHOUSE_URL,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert killed.stdout.split() == ["9"] * points, killed.stderr
    assert 0 < len(copied("events")) < 60
    mirror.mirror_run()
    assert_copy_equals_log()
