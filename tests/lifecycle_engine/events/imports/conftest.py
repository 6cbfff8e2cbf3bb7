"""Files to import."""

import csv
import gzip
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lifecycle_engine.events.imports.running import import_run
from lifecycle_engine.events.imports.services import import_local

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def write(tmp_path):
    """Write rows, each a mapping, as a file of the format that its name says."""

    def written(rows, name):
        path = tmp_path / name
        if name.endswith(".parquet"):
            pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path)
        elif ".jsonl" in name:
            text = "".join(f"{json.dumps(row)}\n" for row in rows)
            path.write_bytes(_compressed(text, name))
        else:
            header = list(dict.fromkeys(column for row in rows for column in row))
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, header)
                writer.writeheader()
                writer.writerows(rows)
            path.write_bytes(_compressed(path.read_text(), name))
        return path

    return written


def _compressed(text, name):
    return gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()


@pytest.fixture
def run():
    """Import a file in the foreground; returns the import as it is then."""

    def ran(
        kind, path, *, source="shop", mapping=None, dry_run=False, at=AT, complete=False, **how
    ):
        started = import_local(
            kind=kind,
            source=source,
            path=path,
            mapping=mapping or {},
            dry_run=dry_run,
            by="test",
            complete=complete,
        )
        return import_run(import_id=started.pk, at=at, path=path, **how)

    return ran


@pytest.fixture
def figures():
    """What became of an import's rows: read, new, changed, known already, rejected."""

    def told(run):
        return (run.rows, run.created, run.updated, run.unchanged, run.rejected)

    return told


@pytest.fixture
def refused():
    """Which rows were refused: (row, field, message)."""

    def told(run):
        return list(run.rejections.order_by("row").values_list("row", "field", "message"))

    return told
