"""Bulk transfer: rows and Arrow tables in by COPY, Arrow tables out by ADBC."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import adbc_driver_postgresql
import pyarrow as pa
import pyarrow.csv as pa_csv
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement
from django.db import connection
from psycopg import sql


def copy_rows(
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    types: Sequence[str] | None = None,
) -> None:
    """COPY rows into a table over Django's own connection, inside its transaction.

    Args:
        table: the table's name, often a temporary one.
        columns: the columns that each row fills, in order.
        rows: the values; taken one by one, so that a generator keeps memory flat.
        types: PostgreSQL type names, one per column, for the binary format. Without them the text
            format is used.

    Raises:
        django.db.DataError: the database does not take a value.
    """
    statement = _copy_statement(table, tuple(columns), "BINARY" if types else "TEXT")
    # Django hands COPY through as it is, so that without this psycopg's own errors would come out.
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        if types:
            copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def copy_arrow(table: str, rows: pa.Table) -> None:
    """COPY an Arrow table over Django's own connection, inside its transaction.

    Arrow writes all text in quotes and nothing for null, which is how PostgreSQL tells the two
    apart; no Python object is made per value.

    Args:
        table: the table's name, often a temporary one.
        rows: columns named as the table's; their text has to be what PostgreSQL reads.

    Raises:
        django.db.DataError: the database does not take a value.
    """
    statement = _copy_statement(table, tuple(rows.column_names), "CSV")
    text = pa.BufferOutputStream()
    pa_csv.write_csv(rows, text, pa_csv.WriteOptions(include_header=False))
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.write(memoryview(text.getvalue()))


@lru_cache(maxsize=100)
def _copy_statement(table: str, columns: tuple[str, ...], form: str) -> bytes:
    """Kept, since every request that brings events needs the same one."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT {})").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(form)
    )
    return statement.as_bytes()


def adbc_url() -> str:
    """The URL of Django's database in the form that ADBC (libpq) takes."""
    given = connection.get_connection_params()
    user, password = given.get("user") or "", given.get("password") or ""
    login = quote(user, safe="") + (":" + quote(password, safe="") if password else "")
    query = {k: str(v) for k, v in given.items() if k in {"host", "port"} and v}
    name = quote(str(given.get("dbname") or ""), safe="")
    return f"postgresql://{login}{'@' if login else ''}/{name}?{urlencode(query)}"


def arrow_read(statement: str) -> pa.Table:
    """Run a read-only statement over ADBC and return its rows as an Arrow table.

    It uses a connection of its own, so it sees committed rows only.
    """
    with AdbcConnection(_database(adbc_url())) as opened:
        with AdbcStatement(opened) as zone:
            zone.set_sql_query("SET TIME ZONE 'UTC'")
            zone.execute_update()
        with AdbcStatement(opened) as query:
            query.set_sql_query(statement)
            stream, _count = query.execute_query()
            return pa.RecordBatchReader.from_stream(stream).read_all()


@lru_cache(maxsize=4)
def _database(url: str) -> AdbcDatabase:
    """What ADBC knows of a database, above all its types: asking for these takes most of the time.

    It holds no connection.
    """
    found: AdbcDatabase = adbc_driver_postgresql.connect(url)
    return found
