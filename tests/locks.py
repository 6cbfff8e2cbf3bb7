"""Advisory locks that other sessions hold, and when they are free again."""

import time
from contextlib import contextmanager

import psycopg
from django.db import connection

from lifecycle_engine.core.bulk import adbc_url

PATIENCE_SECONDS = 60

_HELD = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND database = (
    SELECT oid FROM pg_database WHERE datname = current_database()
)
"""


def locks_held():
    """How many advisory locks are held in this database."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        return cursor.fetchone()[0]


def locks_free_awaited():
    """Wait until the database has noticed that a process was killed, and freed what it held."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while locks_held():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def held_elsewhere(name):
    """Hold the named lock in another session, and let go of it at the end of the block.

    To close the session is not enough: the server lets go of its locks once it notices, and what
    is asked for the lock at once may find it held still.
    """
    with psycopg.connect(adbc_url(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        try:
            yield
        finally:
            other.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
