"""Reading the warehouse: one engine session with all tables as of a point in time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property

import ibis.expr.types as ir
import pyarrow as pa
from django.conf import settings

from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.warehouse.engines.base import Engine
from lifecycle_engine.warehouse.engines.opening import engine_open
from lifecycle_engine.warehouse.errors import READ_ERRORS, WarehouseReadError
from lifecycle_engine.warehouse.registry import table_get
from lifecycle_engine.warehouse.schemas import LOG_TABLES


class LiveTables:
    """The tables of one session that come from PostgreSQL, each read once, whatever the window."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables: dict[str, ir.Table] = {}

    def __getitem__(self, name: str) -> ir.Table:
        """The registered table of that name.

        Raises:
            UnknownTableError: there is none.
        """
        if name not in self._tables:
            self._tables[name] = self._engine.live_table(name, table_get(name).rows())
        return self._tables[name]

    @cached_property
    def merged_profiles(self) -> ir.Table | None:
        """Which profiles are part of which customers, or None where nobody was merged."""
        rows = table_get("merged_profiles").rows()
        return self._engine.live_table("merged_profiles", rows) if rows.num_rows else None


class SessionTables(Tables):
    """The tables of one engine session; see ``sdk.tables.Tables``."""

    def __init__(
        self,
        engine: Engine,
        *,
        start: datetime | None,
        as_of: datetime,
        live: LiveTables | None = None,
    ) -> None:
        self._engine = engine
        self._start = start
        self._as_of = as_of
        self._log: dict[str, ir.Table] = {}
        self._live = LiveTables(engine) if live is None else live

    @property
    def as_of(self) -> datetime:
        """The first moment that the event tables don't hold any more."""
        return self._as_of

    def __getitem__(self, name: str) -> ir.Table:
        """The table of that name, built-in or registered.

        Raises:
            UnknownTableError: there is none; the message names it and what there is.
            WarehouseReadError: the columnar copy or PostgreSQL can't be read.
        """
        try:
            return self._log_table(name) if name in LOG_TABLES else self._live[name]
        except READ_ERRORS as error:
            raise WarehouseReadError(f"Table {name!r} can't be read: {error}") from error

    def _log_table(self, name: str) -> ir.Table:
        if name not in self._log:
            self._log[name] = self._engine.log_table(
                name, start=self._start, end=self._as_of, merged=self._live.merged_profiles
            )
        return self._log[name]

    def before(self, moment: datetime) -> "SessionTables":
        """The same tables as of an earlier moment; for features."""
        _aware("moment", moment)
        return SessionTables(self._engine, start=self._start, as_of=moment, live=self._live)

    def window(self, start: datetime, end: datetime) -> "SessionTables":
        """The same tables with ``start <= occurred_at < end`` in the event tables; for labels."""
        _aware("start", start)
        _aware("end", end)
        return SessionTables(self._engine, start=start, as_of=end, live=self._live)

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute a table expression."""
        return self._engine.execute(expression)


@contextmanager
def warehouse_session(*, as_of: datetime) -> Iterator[SessionTables]:
    """Open the warehouse; the event tables hold only what happened before ``as_of``.

    Tables are read when they are first asked for: those of the log as the columnar copy then is,
    those that change from PostgreSQL as they then are.

    Raises:
        ValueError: ``as_of`` has no time zone.
    """
    _aware("as_of", as_of)
    engine = engine_open(settings.WAREHOUSE_URL)
    try:
        yield SessionTables(engine, start=None, as_of=as_of)
    finally:
        engine.close()


def _aware(name: str, at: datetime) -> None:
    if at.utcoffset() is None:
        raise ValueError(f"{name}={at!r} has no time zone")
