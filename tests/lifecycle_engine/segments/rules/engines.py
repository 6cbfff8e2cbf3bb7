"""The engines that must agree on every rule; another one joins by a class and a line.

An engine has two methods: ``live_table(name, rows)`` gives an Ibis table over Arrow rows, and
``execute(expression)`` an Arrow table.
"""

import os
from contextlib import closing, contextmanager

import ibis
import ibis.expr.operations as ops
import psycopg
import pyarrow as pa
from psycopg import sql

from tests.engines import ON_SPARK, engine_for

# Texts compare byte by byte, as in the other engines; a function's result takes its argument's
# collation.
_FUNCTIONS = """
CREATE FUNCTION json_text(document text, member text) RETURNS text IMMUTABLE LANGUAGE sql
AS 'SELECT jsonb_extract_path_text(document::jsonb, member)';
CREATE FUNCTION json_values(document text, member text) RETURNS text[] IMMUTABLE LANGUAGE sql
AS $$SELECT ARRAY(SELECT jsonb_array_elements_text(CASE
    WHEN jsonb_typeof(document::jsonb -> member) = 'array' THEN document::jsonb -> member
    ELSE '[]' END))$$;
"""
_SCHEMA = "rule_tests"


def _column_type(kind):
    if pa.types.is_timestamp(kind):
        return "timestamptz"
    return {
        "string": 'text COLLATE "C"',
        "int64": "bigint",
        "int32": "integer",
        "double": "double precision",
        "bool": "boolean",
    }[str(kind)]


class PostgresEngine:
    """PostgreSQL, for tests only: the engine's own tables are read by DuckDB."""

    def __init__(self, connection):
        self._connection = connection
        self._made = 0

    def live_table(self, name, rows):
        """A table with the given rows."""
        self._made += 1
        unique = f"{name}_{self._made}"
        self._fill(unique, rows)
        return ibis.table(ibis.Schema.from_pyarrow(rows.schema), name=unique)

    def _fill(self, name, rows):
        columns = ", ".join(f'"{field.name}" {_column_type(field.type)}' for field in rows.schema)
        self._connection.execute(f'CREATE UNLOGGED TABLE IF NOT EXISTS "{name}" ({columns})')
        copy = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))
        with self._connection.cursor() as cursor, cursor.copy(copy) as target:
            for row in rows.to_pylist():
                target.write_row(list(row.values()))

    def execute(self, expression):
        """Compute an expression."""
        table = expression.as_table()
        for given in table.op().find(ops.InMemoryTable):
            self._connection.execute(f'DROP TABLE IF EXISTS "{given.name}"')
            self._fill(given.name, given.data.to_pyarrow(given.schema))
        schema = table.schema().to_pyarrow()
        found = self._connection.execute(ibis.to_sql(table, dialect="postgres", pretty=False))
        rows = [dict(zip(schema.names, row, strict=True)) for row in found.fetchall()]
        return pa.Table.from_pylist(rows, schema=schema)


@contextmanager
def _postgres(_folder):
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE")
        connection.execute(f"CREATE SCHEMA {_SCHEMA}")
        connection.execute(f"SET search_path = {_SCHEMA}")
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(_FUNCTIONS)
        yield PostgresEngine(connection)
        connection.execute(f"DROP SCHEMA {_SCHEMA} CASCADE")


@contextmanager
def _own(folder):
    with closing(engine_for(folder)) as engine:
        yield engine


#: By name: DuckDB and PostgreSQL, or Spark alone; all are held to the same reference.
ENGINES = {"spark": _own} if ON_SPARK else {"duckdb": _own, "postgres": _postgres}
