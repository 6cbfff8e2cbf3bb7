"""Rows in by COPY, Arrow out by ADBC; named SQL; locks."""

from datetime import UTC, datetime

import adbc_driver_manager
import psycopg
import pyarrow as pa
import pytest
from django.db import connection, transaction

from lifecycle_engine.core.bulk import arrow_read, copy_rows
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.models import JobRun
from lifecycle_engine.core.sql import sql_execute, sql_rows, sql_text
from tests.locks import held_elsewhere


@pytest.mark.django_db
@pytest.mark.parametrize("types", [None, ["text", "text", "timestamptz", "int8", "text"]])
def test_rows_are_copied_inside_the_transaction(types):
    at = datetime(2017, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
    columns = ["name", "subject", "started_at", "done", "unit"]
    row = ("tab\t, newline\n and \\N", "é", at, 2**40, "")

    copy_rows("core_jobrun", [*columns, "state", "result", "error"], [], None)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE copied (name text, subject text, started_at timestamptz, "
            "done bigint, unit text) ON COMMIT DROP"
        )
    copy_rows("copied", columns, (given for given in [row]), types)

    with connection.cursor() as cursor:
        cursor.execute("SELECT name, subject, started_at, done, unit FROM copied")
        assert cursor.fetchall() == [row]


@pytest.mark.django_db(transaction=True)
def test_committed_rows_are_read_as_arrow_in_utc():
    at = datetime(2017, 3, 4, 5, 6, 7, tzinfo=UTC)
    JobRun.objects.create(name="seen", started_at=at)
    with transaction.atomic():
        JobRun.objects.create(name="open")
        table = arrow_read("SELECT name, started_at FROM core_jobrun")

    assert table.to_pylist() == [{"name": "seen", "started_at": at}]
    assert table.schema.field("started_at").type == pa.timestamp("us", tz="UTC")


def test_a_statement_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"nothing\.sql"):
        sql_text("events", "nothing")


@pytest.mark.django_db
def test_named_statements_give_rows_and_counts():
    assert sql_rows("events", "readers_lag", {"counted_to": 1, "names": None}) == []
    assert sql_execute("customers", "customers_create_by_number", {"numbers": ["a", "b"]}) == 2


@pytest.mark.django_db(transaction=True)
def test_a_lock_is_held_by_one_session_until_its_block_ends():
    given = connection.get_connection_params()
    login = {k: given[k] for k in ("host", "port", "user", "password", "dbname") if given.get(k)}
    query = "SELECT pg_try_advisory_xact_lock(hashtextextended('test', 0))"
    with psycopg.connect(**login, autocommit=True) as other:
        with advisory_lock("test") as taken:
            assert taken
            assert other.execute(query).fetchone() == (False,)
            with advisory_lock("another") as also_taken:
                assert also_taken
        assert other.execute(query).fetchone() == (True,)
    with held_elsewhere("test"), advisory_lock("test") as taken:
        assert not taken


@pytest.mark.django_db(transaction=True)
def test_arrow_read_goes_on_after_a_statement_that_fails():
    with pytest.raises(adbc_driver_manager.Error, match="no_such_table"):
        arrow_read("SELECT * FROM no_such_table")

    found = arrow_read("SELECT current_setting('TimeZone') AS zone, pg_backend_pid() AS pid")

    again = arrow_read("SELECT pg_backend_pid() AS pid")
    assert found["zone"].to_pylist() == ["UTC"]
    assert found["pid"] != again["pid"]
