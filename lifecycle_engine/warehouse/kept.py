"""Statements that are kept: compiling an expression takes longer than asking it of a few customers.

What a statement was compiled from is a function of the tables and of an earlier moment. The
function is called with tables and a moment that note what it looks at, and its statement is kept
only where it can't have been made otherwise: it took tables as expressions and moments from
``Tables.moment`` and ``Moment.before``, and looked at no moment itself. Then names stand in it for
the tables and functions of the engine's session for the moments, so that it is right in any
session, as of any moment.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from lifecycle_engine.sdk.tables import Moment, Tables
from lifecycle_engine.warehouse.engines.base import Engine

_KEPT_AT_MOST = 2_000
_MICROSECOND = timedelta(microseconds=1)

#: Makes a table expression of tables and an earlier moment; None where there is nothing to compute.
Question = Callable[[Tables, Moment], ir.Table | None]


@dataclass(frozen=True)
class Statement:
    """What an engine computes, in its own words.

    Attributes:
        text: the statement.
        names: the table that each name in it stands for.
        schema: what comes out.
    """

    text: str
    names: Mapping[str, str]
    schema: pa.Schema


class NotingTables(Tables):
    """Tables that note whether an expression is made of more than tables and ``moment``.

    Attributes:
        seen: the tables that were asked for, by their name.
        only_here: whether something was looked at that is another in another session.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.seen: dict[str, ir.Table] = {}
        self.only_here = False

    @property
    def as_of(self) -> datetime:
        """The moment, which an expression may hold from here on."""
        self.only_here = True
        return self._tables.as_of

    def moment(self, age: timedelta = timedelta(0)) -> ir.TimestampScalar:
        """The moment so long before ``as_of``, whatever that is when the statement is computed."""
        found: ir.TimestampScalar = _moment_before(age // _MICROSECOND)
        return found

    def __getitem__(self, name: str) -> ir.Table:
        """The table of that name."""
        if name not in self.seen:
            self.seen[name] = self._tables[name]
        return self.seen[name]

    def window(self, start: datetime, end: datetime) -> Tables:
        """The same tables between two moments, which no kept statement knows."""
        self.only_here = True
        return self._tables.window(start, end)

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute a table expression, whose outcome is this session's."""
        self.only_here = True
        return self._tables.execute(expression)


class NotingMoment(Moment):
    """An earlier moment that tells the tables when it is looked at."""

    def __init__(self, at: datetime, tables: NotingTables) -> None:
        super().__init__(at)
        self._tables = tables

    @property
    def at(self) -> datetime:
        """The moment, which an expression may hold from here on."""
        self._tables.only_here = True
        return self._at

    def before(self, age: timedelta = timedelta(0)) -> ir.TimestampScalar:
        """The moment so long before, whatever it is when the statement is computed."""
        found: ir.TimestampScalar = _since_before(age // _MICROSECOND)
        return found


class Statements:
    """The statements of one process, by engine and key; those least used go first."""

    def __init__(self, at_most: int = _KEPT_AT_MOST) -> None:
        self._at_most = at_most
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Statement] = OrderedDict()

    def select(
        self,
        key: Hashable,
        question: Question,
        tables: Tables,
        engine: Engine,
        *,
        since: datetime,
    ) -> pa.Table | None:
        """Compute what the question makes of the tables; None where it makes nothing of them.

        Args:
            key: equal only for questions that make the same of the same tables.
            question: makes a table expression.
            tables: the engine's tables, as of some moment.
            engine: computes it.
            since: the earlier moment.
        """
        engine.moment_set("moment_before", tables.as_of)
        engine.moment_set("since_before", since)
        key = (type(engine), key)
        with self._lock:
            statement = self._kept.get(key)
            if statement is not None:
                self._kept.move_to_end(key)
        if statement is None:
            noting = NotingTables(tables)
            expression = question(noting, NotingMoment(since, noting))
            if expression is None:
                return None
            statement = _statement(expression, noting, engine)
            if statement is None:
                return engine.execute(expression)
            with self._lock:
                self._kept[key] = statement
                while len(self._kept) > self._at_most:
                    self._kept.popitem(last=False)
        for alias, name in statement.names.items():
            engine.alias_set(alias, tables[name])
        return engine.ask(statement.text, statement.schema)

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()


#: The process's own.
statements = Statements()


def _statement(expression: ir.Table, noting: NotingTables, engine: Engine) -> Statement | None:
    """What to keep of the expression; None where it can't be."""
    seen = {table.op(): name for name, table in noting.seen.items()}
    read = expression.op().find(ops.PhysicalTable)
    # Rows that the expression brings along and tables from elsewhere are this session's.
    if noting.only_here or not all(
        isinstance(one, ops.UnboundTable) and one in seen for one in read
    ):
        return None
    aliases = {one: f"kept_{seen[one]}" for one in read}
    named = expression.op().replace({one: one.copy(name=alias) for one, alias in aliases.items()})
    return Statement(
        engine.statement(named.to_expr()),
        {alias: seen[one] for one, alias in aliases.items()},
        expression.schema().to_pyarrow(),
    )


@ibis.udf.scalar.builtin(name="moment_before", signature=(("int64",), "timestamp('UTC', 6)"))
def _moment_before(microseconds):  # type: ignore[no-untyped-def]
    """Stands for the function of that name that every engine's session defines."""


@ibis.udf.scalar.builtin(name="since_before", signature=(("int64",), "timestamp('UTC', 6)"))
def _since_before(microseconds):  # type: ignore[no-untyped-def]
    """Stands for the function of that name that every engine's session defines."""
