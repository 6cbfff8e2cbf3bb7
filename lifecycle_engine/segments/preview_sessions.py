"""A warehouse session kept open between the previews of a rule that somebody is building.

Opening one reads the tables that change in place from PostgreSQL, which takes a second with a
million customers: too long for every keystroke. So one session for each process stays open for some
minutes. What it shows is as old as ``tables.as_of`` says; nothing but previews reads it.
"""

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from lifecycle_engine.warehouse.session import SessionTables, warehouse_session

#: So long a session is used after it was opened, and kept after it was last used.
AGE_MAX = timedelta(minutes=5)
IDLE_MAX = timedelta(minutes=2)


@dataclass
class Kept:
    """An open session, and what was computed in it already.

    Attributes:
        tables: the warehouse as of the moment that the session was opened for.
        results: small results by what they are the result of.
        audiences: the members of the rules that were looked at last.
    """

    tables: SessionTables
    results: dict[Any, Any] = field(default_factory=dict)
    audiences: dict[str, Any] = field(default_factory=dict)


class PreviewSessions:
    """The process's one session for previews. Used by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._stack = ExitStack()
        self._kept: Kept | None = None
        self._source: tuple[str, str] = ("", "")
        self._opened = 0.0
        self._closing: threading.Timer | None = None

    @contextmanager
    def use(self, at: datetime) -> Iterator[Kept]:
        """The open session, or a new one where it is too old or of another moment."""
        with self._lock:
            if self._closing is not None:
                self._closing.cancel()
            if not self._suits(at):
                self._open(at)
            assert self._kept is not None  # noqa: S101 - _open saw to it
            try:
                yield self._kept
            finally:
                self._closing = threading.Timer(IDLE_MAX.total_seconds(), self.close)
                self._closing.daemon = True
                self._closing.start()

    def close(self) -> None:
        """Let go of the session and of the memory that it takes."""
        with self._lock:
            if self._closing is not None:
                self._closing.cancel()
            self._kept, self._closing = None, None
            self._stack.close()

    def _suits(self, at: datetime) -> bool:
        if self._kept is None or self._source != _source():
            return False
        as_of = self._kept.tables.as_of
        young = time.monotonic() - self._opened < AGE_MAX.total_seconds()
        return young and as_of <= at < as_of + AGE_MAX

    def _open(self, at: datetime) -> None:
        self.close()
        tables = self._stack.enter_context(warehouse_session(as_of=at))
        self._kept = Kept(tables)
        self._source, self._opened = _source(), time.monotonic()


def _source() -> tuple[str, str]:
    return settings.WAREHOUSE_URL, str(connection.settings_dict["NAME"])


preview_sessions = PreviewSessions()
# The engine's connection must not outlive the interpreter's modules.
atexit.register(preview_sessions.close)
