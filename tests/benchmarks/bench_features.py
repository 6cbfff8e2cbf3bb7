"""How fast features are computed, beside a bare hand-written DuckDB query over the same files.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench-segments``, or ``pytest tests/benchmarks/bench_features.py -s``. The size is that of
``BENCH_CUSTOMERS`` (50,000) and ``BENCH_EVENTS`` (20 for each customer), measured ``BENCH_ROUNDS``
times (3).
"""

import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from lifecycle_engine.warehouse import schemas
from lifecycle_engine.warehouse.features import features_frame, features_frames, features_known
from tests.benchmarks.history import AS_OF, History, history

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "50000"))
EVENTS = int(os.environ.get("BENCH_EVENTS", str(20 * CUSTOMERS)))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
#: What DuckDB may take in either case; it spills beyond.
MEMORY = "2GB"
DATES = 8

BARE = Path(__file__).with_name("features_bare.sql")
FEATURES = features_known()
NAMES = [feature.name for feature in FEATURES]


@dataclass
class Taken:
    """What some work took, and the most memory that the process held meanwhile."""

    seconds: float
    processor_seconds: float
    mebibytes: int
    found: pa.Table


@pytest.fixture(scope="module")
def made() -> History:
    return history(customers=CUSTOMERS, events=EVENTS)


def test_all_features_beside_bare_duckdb(made):
    people = made.customers()

    def ours() -> pa.Table:
        with made.tables(customers=people, memory=MEMORY) as tables:
            return features_frame(names=NAMES, as_of=AS_OF, tables=tables)

    def bare() -> pa.Table:
        return _bare(made)

    # Turn and turn about, so that what else the machine does meets both.
    rounds = [(_taken(ours), _taken(bare)) for _ in range(ROUNDS)]
    us, reference = (_typical(side) for side in zip(*rounds, strict=True))

    _same(us.found, reference.found)
    sys.stdout.write(
        f"\n{len(NAMES)} features of {us.found.num_rows:,} customers, {EVENTS:,} events:"
        f" {_said(us)}; bare DuckDB {_said(reference)}; ratio {us.seconds / reference.seconds:.2f},"
        f" of processor time {us.processor_seconds / reference.processor_seconds:.2f}\n"
    )


def test_many_dates_at_once_beside_one_by_one(made):
    people = made.customers().slice(0, 5_000)
    wanted = NAMES[::3]
    dates = [AS_OF - timedelta(days=15 * number) for number in range(DATES)]

    def at_once() -> pa.Table:
        with made.tables(customers=people, memory=MEMORY) as tables:
            return features_frames(names=wanted, moments=dates, tables=tables)

    def one_by_one() -> pa.Table:
        with made.tables(customers=people, memory=MEMORY) as tables:
            frames = [features_frame(names=wanted, as_of=date, tables=tables) for date in dates]
        return pa.concat_tables(frames)

    together, apart = _taken(at_once), _taken(one_by_one)

    assert together.found.num_rows == apart.found.num_rows
    sys.stdout.write(
        f"\n{len(wanted)} features of 5,000 customers as of {len(dates)} dates:"
        f" {together.seconds:.2f} s at once, {apart.seconds:.2f} s one by one,"
        f" ratio {together.seconds / apart.seconds:.2f}\n"
    )


def _bare(made: History) -> pa.Table:
    files = {
        name: repr(list(made.store.files(name, start=None, end=AS_OF)))
        for name in schemas.LOG_TABLES
    }
    statement = re.sub(r"^--.*$", "", BARE.read_text(), flags=re.MULTILINE).format(
        now=f"TIMESTAMPTZ '{AS_OF.isoformat()}'",
        customers=repr(str(made.customers_file)),
        **files,
    )
    options = {
        "memory_limit": MEMORY,
        "temp_directory": str(made.store.spill_folder()),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=options) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(statement).to_arrow_table()


def _taken(work: Callable[[], pa.Table]) -> Taken:
    Path("/proc/self/clear_refs").write_text("5")  # Forget the peak so far.
    start, processor = time.perf_counter(), time.process_time()
    found = work()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return Taken(seconds, processor, int(peak[1]) // 1024 if peak else 0, found)


def _typical(rounds: Sequence[Taken]) -> Taken:
    return Taken(
        median(one.seconds for one in rounds),
        median(one.processor_seconds for one in rounds),
        max(one.mebibytes for one in rounds),
        rounds[-1].found,
    )


def _said(taken: Taken) -> str:
    return (
        f"{taken.seconds:.2f} s ({taken.processor_seconds:.2f} s of processors,"
        f" at most {taken.mebibytes:,} MiB)"
    )


def _same(found: pa.Table, reference: pa.Table) -> None:
    """All columns agree."""
    assert set(NAMES) <= set(reference.column_names), set(NAMES) - set(reference.column_names)
    assert found["customer_id"].equals(reference["customer_id"])
    for feature in FEATURES:
        right = reference[feature.name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        right = np.where(np.isnan(right), feature.missing, right)
        np.testing.assert_allclose(
            found[feature.name].to_numpy(), right, rtol=1e-6, atol=1e-6, err_msg=feature.name
        )
