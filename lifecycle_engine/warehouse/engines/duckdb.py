"""DuckDB, embedded: reads the Parquet files that the Delta log lists."""

import os
import uuid
from datetime import datetime

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from lifecycle_engine.warehouse.delta import DeltaStore
from lifecycle_engine.warehouse.engines.statements import log_statement, microseconds
from lifecycle_engine.warehouse.errors import WarehouseQueryError
from lifecycle_engine.warehouse.schemas import LOG_TABLES

# The key is quoted, so that one with a dot or a slash is a name and not a path.
_SESSION = """
SET TimeZone = 'UTC';
CREATE TEMP MACRO json_text(document, member) AS
    json_extract_string(document, '$."' || replace(member, '"', '\\"') || '"');
CREATE TEMP MACRO json_values(document, member) AS
    json_extract_string(document, '$."' || replace(member, '"', '\\"') || '"[*]');
"""


class DuckDBEngine:
    """One in-memory DuckDB session over a store of Delta tables.

    Args:
        store: where the columnar copy is.
        threads: how many cores a query may use; all of them by default.
        memory: how much memory it may use before it spills to disk, such as ``"2GB"``.
    """

    def __init__(self, store: DeltaStore, *, threads: int | None = None, memory: str = "2GB"):
        self._store = store
        self._connection = duckdb.connect(
            config={
                "threads": threads or os.cpu_count() or 1,
                "memory_limit": memory,
                # One of its own: sessions that share a folder overwrite each other's files.
                "temp_directory": str(store.spill_folder() / uuid.uuid4().hex),
                "preserve_insertion_order": False,
            }
        )
        self._connection.execute(_SESSION)
        self._made = 0
        self._aliases: dict[str, str] = {}
        self._moments: dict[str, datetime] = {}

    def log_table(
        self, name: str, *, start: datetime | None, end: datetime, merged: ir.Table | None = None
    ) -> ir.Table:
        """A table of the columnar copy with ``start <= occurred_at < end``.

        With ``merged`` the rows are under the customer that the profile is part of.
        """
        schema = LOG_TABLES[name]
        files = self._store.files(name, start=start, end=end)
        if not files:
            return self.live_table(name, schema.empty_table())
        listed = ", ".join(_quoted(file) for file in files)
        statement = log_statement(
            f"read_parquet([{listed}], hive_partitioning = false)",
            schema,
            start=start,
            end=end,
            merged=merged,
            quote='"',
            moment="TIMESTAMPTZ",
        )
        unique = self._unique(name)
        self._connection.execute(f'CREATE TEMP VIEW "{unique}" AS {statement}')
        return ibis.table(ibis.Schema.from_pyarrow(schema), name=unique)

    def live_table(self, name: str, rows: pa.Table) -> ir.Table:
        """A table with the given rows, kept until the engine is closed."""
        unique = self._unique(name)
        self._connection.register("incoming", rows)
        # A copy in DuckDB's own format has statistics, which scans of Arrow memory lack.
        self._connection.execute(f'CREATE TEMP TABLE "{unique}" AS FROM incoming')
        self._connection.unregister("incoming")
        return ibis.table(ibis.Schema.from_pyarrow(rows.schema), name=unique)

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute an expression.

        Raises:
            WarehouseQueryError: DuckDB refuses it, or fails.
        """
        table = expression.as_table()
        for given in table.op().find(ops.InMemoryTable):
            self._connection.register(given.name, given.data.to_pyarrow(given.schema))
        return self.ask(self.statement(table), table.schema().to_pyarrow())

    def statement(self, expression: ir.Table) -> str:
        """The expression in DuckDB's words."""
        return str(ibis.to_sql(expression, dialect="duckdb", pretty=False))

    def ask(self, statement: str, schema: pa.Schema) -> pa.Table:
        """Compute a statement.

        Raises:
            WarehouseQueryError: DuckDB refuses it, or fails.
        """
        try:
            found = self._connection.sql(statement).to_arrow_table()
        except duckdb.Error as error:
            raise WarehouseQueryError(str(error)) from error
        return found.cast(schema)

    def alias_set(self, alias: str, table: ir.Table) -> None:
        """Have an alias stand for a table in statements."""
        name = table.get_name()
        if self._aliases.get(alias) != name:
            self._connection.execute(f'CREATE OR REPLACE TEMP VIEW "{alias}" AS FROM "{name}"')
            self._aliases[alias] = name

    def moment_set(self, function: str, at: datetime) -> None:
        """Have a function of that name, of a number of microseconds, count back from a moment."""
        if at != self._moments.get(function):
            # Not a variable: with a constant, scans of files skip what is outside a window.
            self._connection.execute(
                f"CREATE OR REPLACE TEMP MACRO {function}(age) AS"
                f" make_timestamptz({microseconds(at)} - age)"
            )
            self._moments[function] = at

    def close(self) -> None:
        """Let go of everything."""
        self._connection.close()

    def _unique(self, name: str) -> str:
        self._made += 1
        return f"{name}_{self._made}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
