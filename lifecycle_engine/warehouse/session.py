"""Reading the warehouse: one engine session with all tables as of a point in time."""

from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property

import ibis.expr.types as ir
import pyarrow as pa
from django.conf import settings

from lifecycle_engine.customers.selectors import profile_ids_of
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.warehouse.customers_log import CustomersLog
from lifecycle_engine.warehouse.engines.base import Engine
from lifecycle_engine.warehouse.engines.opening import engine_open
from lifecycle_engine.warehouse.errors import READ_ERRORS, WarehouseReadError
from lifecycle_engine.warehouse.kept import Question, statements
from lifecycle_engine.warehouse.registry import table_get
from lifecycle_engine.warehouse.schemas import LOG_TABLES


class LiveTables:
    """The tables of one session that come from PostgreSQL, each read once, whatever the window.

    Args:
        engine: computes what is asked of them.
        profile_ids: where a table has rows of customers, read only those of these.
    """

    def __init__(self, engine: Engine, *, profile_ids: Collection[int] | None = None) -> None:
        self._engine = engine
        self._profile_ids = profile_ids
        self._tables: dict[str, ir.Table] = {}

    def __getitem__(self, name: str) -> ir.Table:
        """The registered table of that name.

        Raises:
            UnknownTableError: there is none.
        """
        if name not in self._tables:
            rows = table_get(name).rows(profile_ids=self._profile_ids)
            self._tables[name] = self._engine.live_table(name, rows)
        return self._tables[name]

    def forget(self, name: str) -> None:
        """Have a table read again when it is next asked for."""
        self._tables.pop(name, None)

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
        customers_log: CustomersLog | None = None,
    ) -> None:
        self._engine = engine
        self._start = start
        self._as_of = as_of
        self._log: dict[str, ir.Table] = {}
        self._live = LiveTables(engine) if live is None else live
        self._customers_log = customers_log

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
        if self._customers_log is not None:
            return self._customers_log.table(name, start=self._start, end=self._as_of)
        if name not in self._log:
            self._log[name] = self._engine.log_table(
                name, start=self._start, end=self._as_of, merged=self._live.merged_profiles
            )
        return self._log[name]

    def forget(self, name: str) -> None:
        """Have a table that changes in place read again: it was written since."""
        self._live.forget(name)

    def before(self, moment: datetime) -> "SessionTables":
        """The same tables as of an earlier moment; for features."""
        _aware("moment", moment)
        return self._bounded(self._start, moment)

    def window(self, start: datetime, end: datetime) -> "SessionTables":
        """The same tables with ``start <= occurred_at < end`` in the event tables; for labels."""
        _aware("start", start)
        _aware("end", end)
        return self._bounded(start, end)

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute a table expression."""
        return self._engine.execute(expression)

    def select(self, key: Hashable, question: Question, *, since: datetime) -> pa.Table | None:
        """Compute what a question makes of the tables; its statement is kept where that is safe.

        Args:
            key: equal only for questions that make the same of the same tables.
            question: makes a table expression, or None, of the tables that it is given and of the
                moment ``since``, and of nothing else that may be another when it is asked again.
            since: that moment.
        """
        return statements.select(key, question, self, self._engine, since=since)

    def _bounded(self, start: datetime | None, end: datetime) -> "SessionTables":
        return SessionTables(
            self._engine,
            start=start,
            as_of=end,
            live=self._live,
            customers_log=self._customers_log,
        )


@contextmanager
def warehouse_session(
    *, as_of: datetime, customer_ids: Collection[int] | None = None
) -> Iterator[SessionTables]:
    """Open the warehouse; the event tables hold only what happened before ``as_of``.

    Tables are read when they are first asked for: those of the log as the columnar copy then is,
    those that change from PostgreSQL as they then are.

    Args:
        as_of: the first moment that the event tables don't hold any more.
        customer_ids: only these. Their part of the log then comes from PostgreSQL as well, so that
            it has what the columnar copy lacks, and every table that has rows of customers holds
            theirs only. What it costs depends on these customers' history, not on everybody's.

    Raises:
        ValueError: ``as_of`` has no time zone.
    """
    _aware("as_of", as_of)
    engine = engine_open(settings.WAREHOUSE_URL)
    try:
        if customer_ids is None:
            yield SessionTables(engine, start=None, as_of=as_of)
        else:
            yield _of_customers(engine, as_of, profile_ids_of(customer_ids=customer_ids))
    finally:
        engine.close()


def _of_customers(engine: Engine, as_of: datetime, profile_ids: Collection[int]) -> SessionTables:
    live = LiveTables(engine, profile_ids=profile_ids)
    log = CustomersLog(engine, profile_ids)
    return SessionTables(engine, start=None, as_of=as_of, live=live, customers_log=log)


def _aware(name: str, at: datetime) -> None:
    if at.utcoffset() is None:
        raise ValueError(f"{name}={at!r} has no time zone")
