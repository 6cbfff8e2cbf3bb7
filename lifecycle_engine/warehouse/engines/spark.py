"""Apache Spark: a cluster reads the Parquet files that the Delta log lists.

The folder of the columnar copy has to be at the same path on every machine of the cluster.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from lifecycle_engine.warehouse.delta import DeltaStore
from lifecycle_engine.warehouse.engines.statements import log_statement, microseconds
from lifecycle_engine.warehouse.errors import WarehouseQueryError
from lifecycle_engine.warehouse.schemas import LOG_TABLES

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # What can't be computed is null, as in the other engines, and not the end of the query.
    "spark.sql.ansi.enabled": "false",
    # The last of two members of one name counts, in PostgreSQL as in JavaScript.
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
_SESSION = (
    """
    CREATE TEMPORARY FUNCTION json_text(document STRING, member STRING) RETURNS STRING
    RETURN from_json(document, 'map<string,string>')[member]
    """,
    """
    CREATE TEMPORARY FUNCTION json_values(document STRING, member STRING) RETURNS ARRAY<STRING>
    RETURN from_json(from_json(document, 'map<string,string>')[member], 'array<string>')
    """,
    """
    CREATE TEMPORARY FUNCTION epoch(moment TIMESTAMP) RETURNS DOUBLE
    RETURN unix_micros(moment) / 1e6D
    """,
)


class SparkEngine:
    """One session of a Spark application; the application is this process's and stays.

    Args:
        store: where the columnar copy is.
        master: the cluster, such as ``spark://host:7077``. Everything else is read from Spark's own
            ``spark-defaults.conf``.
    """

    def __init__(self, store: DeltaStore, *, master: str) -> None:
        self._store = store
        builder = SparkSession.builder.master(master).appName("lifecycle-engine")
        self._session = builder.config("spark.ui.enabled", "false").getOrCreate().newSession()
        for name, value in _SETTINGS.items():
            self._session.conf.set(name, value)
        for statement in _SESSION:
            self._session.sql(statement)
        self._views: list[str] = []
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
        copied, unique = self._unique(f"{name}_files"), self._unique(name)
        statement = log_statement(
            f"`{copied}`",
            schema,
            start=start,
            end=end,
            merged=merged,
            quote="`",
            moment="TIMESTAMP",
        )
        with _told():
            read = self._session.read.schema(from_arrow_schema(schema))
            read.parquet(*files).createOrReplaceTempView(copied)
            self._session.sql(statement).createOrReplaceTempView(unique)
        return ibis.table(ibis.Schema.from_pyarrow(schema), name=unique)

    def live_table(self, name: str, rows: pa.Table) -> ir.Table:
        """A table with the given rows, kept until the engine is closed."""
        unique = self._unique(name)
        self._given(unique, rows)
        return ibis.table(ibis.Schema.from_pyarrow(rows.schema), name=unique)

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute an expression.

        Raises:
            WarehouseQueryError: Spark refuses it, or fails.
        """
        table = expression.as_table()
        for given in table.op().find(ops.InMemoryTable):
            self._views.append(given.name)
            self._given(given.name, given.data.to_pyarrow(given.schema))
        return self.ask(self.statement(table), table.schema().to_pyarrow())

    def statement(self, expression: ir.Table) -> str:
        """The expression in Spark's words."""
        # The backend by its name, since asking for it registers the options that compiling reads.
        return str(ibis.to_sql(expression, dialect=ibis.pyspark.name, pretty=False))

    def ask(self, statement: str, schema: pa.Schema) -> pa.Table:
        """Compute a statement.

        Raises:
            WarehouseQueryError: Spark refuses it, or fails.
        """
        with _told():
            found = self._session.sql(statement).toArrow()
        return found.cast(schema)

    def alias_set(self, alias: str, table: ir.Table) -> None:
        """Have an alias stand for a table in statements."""
        name = table.get_name()
        if self._aliases.get(alias) != name:
            with _told():
                self._session.table(name).createOrReplaceTempView(alias)
            self._aliases[alias] = name

    def moment_set(self, function: str, at: datetime) -> None:
        """Have a function of that name, of a number of microseconds, count back from a moment."""
        if at != self._moments.get(function):
            with _told():
                self._session.sql(
                    f"CREATE OR REPLACE TEMPORARY FUNCTION {function}(age BIGINT)"
                    " RETURNS TIMESTAMP RETURN"
                    f" timestamp_micros({microseconds(at)} - age)"
                )
            self._moments[function] = at

    def close(self) -> None:
        """Let go of the session's tables; the application serves the next session."""
        for view in (*self._views, *self._aliases):
            self._session.catalog.dropTempView(view)

    def _given(self, view: str, rows: pa.Table) -> None:
        with _told():
            frame = self._session.createDataFrame(rows, schema=from_arrow_schema(rows.schema))
            frame.createOrReplaceTempView(view)

    def _unique(self, name: str) -> str:
        view = f"{name}_{len(self._views) + 1}"
        self._views.append(view)
        return view


@contextmanager
def _told() -> Iterator[None]:
    """Give what Spark says the type that callers know; its first line says what is wrong."""
    try:
        yield
    except PySparkException as error:
        raise WarehouseQueryError(str(error).partition("\n")[0]) from error
