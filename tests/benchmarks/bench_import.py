"""How fast a file of events is imported, beside a bare COPY and upsert of the same rows.

Run with ``make bench-import``; it prints the rates, their ratio and the importing process's peak
memory; IMPORT_ROWS says for how many rows. The reference copies rows that are ready, customers and
all, into a temporary table, takes receipts by one INSERT … ON CONFLICT and appends the fresh ones
by INSERT … SELECT, in transactions of the same size, over one connection.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from django.conf import settings
from psycopg import sql

from lifecycle_engine.config.environment import ROOT
from lifecycle_engine.customers.services import customers_resolve
from lifecycle_engine.events.imports.ids import uuids7
from lifecycle_engine.events.imports.limits import CHUNK_ROWS
from lifecycle_engine.events.partitions import partitions_ensure

ROWS = int(os.environ.get("IMPORT_ROWS", "200_000"))
CUSTOMERS = 20_000
RECEIVED_AT = datetime(2026, 3, 1, tzinfo=UTC)
START = RECEIVED_AT - timedelta(days=360)

_STAGE = """
    CREATE TEMPORARY TABLE staged (LIKE events_event) ON COMMIT DROP;
    ALTER TABLE staged ALTER txid DROP NOT NULL;
"""
_APPEND = """
    WITH fresh AS (
        INSERT INTO events_eventreceipt (source, message_id, received_at)
        SELECT source, message_id, received_at FROM staged ORDER BY message_id
        ON CONFLICT (source, message_id) DO NOTHING
        RETURNING message_id
    )
    INSERT INTO events_event ({columns})
    SELECT {columns} FROM staged WHERE message_id IN (SELECT message_id FROM fresh)
"""


def _pieces(rows: int) -> Iterator[pa.Table]:
    """Views and orders over a year, in the order of time, with message ids as SDKs make them."""
    rng = np.random.default_rng(7)
    step = timedelta(days=360) / rows
    for first in range(0, rows, CHUNK_ROWS):
        numbers = np.arange(first, min(first + CHUNK_ROWS, rows))
        prices = rng.integers(100, 9_999, len(numbers))
        skus = rng.integers(0, 5_000, len(numbers))
        times = np.datetime64(START.replace(tzinfo=None), "us") + numbers * np.timedelta64(
            step, "us"
        )
        yield pa.table(
            {
                "message_id": uuids7(count=len(numbers), at=RECEIVED_AT, rng=rng),
                "user_id": [str(n) for n in rng.integers(0, CUSTOMERS, len(numbers))],
                "event": ["Order Completed" if n % 5 == 0 else "Product Viewed" for n in numbers],
                "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
                "properties": [
                    f'{{"product_id": "sku-{sku}", "total": {cents / 100}, "currency": "EUR"}}'
                    for sku, cents in zip(skus, prices, strict=True)
                ],
            }
        )


def _ready(piece: pa.Table, ids: dict[str, int], rng: Any) -> pa.Table:
    said = [text.split('"') for text in piece["properties"].to_pylist()]
    count = piece.num_rows
    return pa.table(
        {
            "id": uuids7(count=count, at=RECEIVED_AT, rng=rng),
            "source": pa.repeat("bare", count),
            "customer_id": [ids[user] for user in piece["user_id"].to_pylist()],
            "message_id": piece["message_id"],
            "name": piece["event"],
            "properties": piece["properties"],
            "value": [parts[6].strip(": ,") for parts in said],
            "currency": pa.repeat("EUR", count),
            "product_sku": [parts[3] for parts in said],
            "occurred_at": piece["timestamp"],
            "received_at": pa.repeat(pa.scalar(RECEIVED_AT, pa.timestamp("us", "UTC")), count),
        }
    )


def _bare_seconds(url: str, ids: dict[str, int], *, half: int) -> float:
    """Seconds that the first or the second half of the rows takes."""
    seconds, rng = 0.0, np.random.default_rng(8 + half)
    pieces = list(range(0, ROWS, CHUNK_ROWS))
    mine = set(pieces[len(pieces) // 2 :] if half else pieces[: len(pieces) // 2])
    with psycopg.connect(url) as connection:
        for first, piece in zip(pieces, _pieces(ROWS), strict=True):
            if first not in mine:
                continue
            ready = _ready(piece, ids, rng)
            text = pa.BufferOutputStream()
            pa_csv.write_csv(ready, text, pa_csv.WriteOptions(include_header=False))
            columns = sql.SQL(", ").join(map(sql.Identifier, ready.column_names))
            began = time.perf_counter()
            with connection.cursor() as cursor:
                cursor.execute(_STAGE)
                statement = sql.SQL("COPY staged ({}) FROM STDIN WITH (FORMAT CSV)").format(columns)
                with cursor.copy(statement) as copy:
                    copy.write(memoryview(text.getvalue()))
                cursor.execute(sql.SQL(_APPEND).format(columns=columns))
            connection.commit()
            seconds += time.perf_counter() - began
    return seconds


@pytest.mark.django_db(transaction=True)
def test_import_speed(database_copied: Any, tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    with pq.ParquetWriter(path, next(_pieces(ROWS)).schema) as file:
        for piece in _pieces(ROWS):
            file.write_table(piece)
    users = [str(number) for number in range(CUSTOMERS)]
    ids = dict(customers_resolve(names=[(user, None) for user in users]).by_user_id)
    partitions_ensure(months=[START + timedelta(days=28 * month) for month in range(14)])
    # One half before and one after, so that whatever else the machine does slows both alike.
    with database_copied("bare") as bare_url, database_copied("imported") as url:
        seconds = _bare_seconds(bare_url, ids, half=0)
        own = {"DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY, "VAR": str(tmp_path)}
        command = [sys.executable, str(ROOT / "manage.py"), "import", "events", str(path)]
        subprocess.run(command, env=os.environ | own, cwd=ROOT, check=True)
        with psycopg.connect(url) as connection:
            told = connection.execute("SELECT created, seconds FROM events_import").fetchone()
        seconds += _bare_seconds(bare_url, ids, half=1)
        with psycopg.connect(bare_url) as connection:
            counted = connection.execute("SELECT count(*) FROM events_event").fetchone()
    assert counted == (ROWS,)
    bare = ROWS / seconds
    assert told is not None
    assert told[0] == ROWS
    rate = ROWS / told[1]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    sys.stdout.write(
        f"\n{ROWS:,} events from a Parquet file of {path.stat().st_size:,} bytes: "
        f"import {rate:,.0f} rows/s, bare COPY and upsert {bare:,.0f} rows/s, "
        f"ratio {rate / bare:.2f}; peak memory of the import {peak} MiB\n"
    )
