"""The columnar copy on disk: Delta tables, partitioned by month, appended to exactly once."""

import shutil
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

#: The partition column: the month of ``occurred_at`` in UTC, such as ``2017-11``.
MONTH = "month"

# A month in more files than this is rewritten as few; what was replaced stays as long as a query
# that listed it may run.
_MONTH_FILES = 16
_REPLACED_KEPT_HOURS = 24


@dataclass(frozen=True)
class DeltaStore:
    """The Delta tables below one folder."""

    folder: Path

    def files(self, name: str, *, start: datetime | None, end: datetime) -> Sequence[str]:
        """The Parquet files that may hold rows with ``start <= occurred_at < end``."""
        table = self.table(name)
        if table is None:
            return []
        bounds: list[tuple[str, str, str]] = [(MONTH, "<=", _month(end))]
        if start is not None:
            bounds.append((MONTH, ">=", _month(start)))
        return table.file_uris(file_pruning_predicate=bounds)

    def table(self, name: str) -> DeltaTable | None:
        """The Delta table of that name, or None where there is none yet."""
        path = str(self.folder / name)
        return DeltaTable(path) if DeltaTable.is_deltatable(path) else None

    def create(self, name: str, schema: pa.Schema, *, description: str) -> DeltaTable:
        """The Delta table of that name, made empty where there is none yet."""
        return DeltaTable.create(
            str(self.folder / name),
            schema.append(pa.field(MONTH, pa.string())),
            mode="ignore",
            partition_by=[MONTH],
            description=description,
            # Its log keeps the least and the most of each column of a file. Of no other columns, as
            # a log line outlives the rows that an erasure removes.
            configuration={"delta.dataSkippingStatsColumns": "customer_id,occurred_at"},
        )

    def drop(self, name: str) -> None:
        """Delete the Delta table of that name with all its files."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def erase(self, name: str, customer_ids: Sequence[int]) -> int:
        """Rewrite the files that hold rows of the customers without them; returns how many rows.

        The old files stay until ``files_remove``, since a query may be reading them.
        """
        table = self.table(name)
        if table is None:
            return 0
        wanted = ", ".join(str(int(customer_id)) for customer_id in customer_ids)
        done = table.delete(f"customer_id IN ({wanted})")
        return int(done["num_deleted_rows"] or 0)

    def months(self, name: str) -> set[str]:
        """The months that the table has rows of."""
        table = self.table(name)
        if table is None:
            return set()
        return {Path(file).parent.name.removeprefix(f"{MONTH}=") for file in table.file_uris()}

    def months_delete(self, name: str, months: Collection[str]) -> None:
        """Delete all rows of the months, in one atomic commit; their files go a while later."""
        table = self.table(name)
        gone = sorted(self.months(name) & set(months))
        if table is None or not gone:
            return
        table.delete(f"{MONTH} IN ({', '.join(repr(month) for month in gone)})")

    def files_remove(self, name: str, *, kept_hours: int = _REPLACED_KEPT_HOURS) -> None:
        """Remove the files that the table has not had for so long: no query reads them any more."""
        if (table := self.table(name)) is not None:
            _vacuum(table, kept_hours)

    def compact(self, name: str) -> int:
        """Rewrite the months that lie in many small files; returns how many months that were."""
        table = self.table(name)
        if table is None:
            return 0
        files = Counter(Path(file).parent.name.removeprefix(f"{MONTH}=") for file in
                        table.file_uris())  # fmt: skip
        months = sorted(month for month, count in files.items() if count > _MONTH_FILES)
        if months:
            table.optimize.compact(partition_filters=[(MONTH, "in", months)])
            _vacuum(table, _REPLACED_KEPT_HOURS)
        return len(months)

    def spill_folder(self) -> Path:
        """A folder for what queries put aside when memory is short."""
        folder = self.folder / "spill"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def batch_append(table: DeltaTable, rows: pa.Table, *, writer: str, batch: int) -> None:
    """Append the rows and note that the writer has come to this batch, in one atomic commit.

    It fails when another process has committed a batch of the writer since the table was loaded:
    so whoever finds with ``table.transaction_version(writer)`` that a batch is missing may append
    it without fear of a double.

    Args:
        table: the table as it was loaded before looking for the batch.
        rows: rows with ``occurred_at``; none at all is fine.
        writer: who counts the batches.
        batch: the number of the batch, rising.

    Raises:
        deltalake.exceptions.CommitFailedError: another process was faster.
    """
    write_deltalake(
        table,
        rows.append_column(MONTH, _months(rows["occurred_at"])),
        mode="append",
        commit_properties=CommitProperties(app_transactions=[Transaction(writer, batch)]),
    )


def _vacuum(table: DeltaTable, kept_hours: int) -> None:
    table.vacuum(retention_hours=kept_hours, dry_run=False, enforce_retention_duration=False)


def _month(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m")


def _months(moments: pa.ChunkedArray) -> pa.Array:
    """The month of each moment; formats each day once, as formatting each row takes seconds."""
    days = moments.combine_chunks().cast(pa.date32()).dictionary_encode()
    months = pa.array([day.strftime("%Y-%m") for day in days.dictionary.to_pylist()], pa.string())
    return months.take(days.indices)
