"""The columnar copy on disk: Delta tables, partitioned by month, appended to exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

#: The partition column: the month of ``occurred_at`` in UTC, such as ``2017-11``.
MONTH = "month"


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
        """The Delta table of that name, or None before the first append."""
        path = str(self.folder / name)
        return DeltaTable(path) if DeltaTable.is_deltatable(path) else None

    def append(self, name: str, rows: pa.Table, *, writer: str, batch: int) -> bool:
        """Append a batch of a writer unless it is there already; returns whether it was missing.

        The rows and the note that the writer has come to this batch are one atomic commit, so that
        a batch is there wholly and once, however often it is tried.

        Args:
            name: the table.
            rows: rows with ``occurred_at``; none at all is fine.
            writer: who counts the batches.
            batch: the number of the batch, rising.
        """
        table = self.table(name)
        done = table.transaction_version(writer) if table is not None else None
        if done is not None and done >= batch:
            return False
        months = pc.strftime(rows["occurred_at"], "%Y-%m")
        write_deltalake(
            table if table is not None else str(self.folder / name),
            rows.append_column(MONTH, months),
            mode="append",
            partition_by=[MONTH],
            commit_properties=CommitProperties(app_transactions=[Transaction(writer, batch)]),
        )
        return True

    def spill_folder(self) -> Path:
        """A folder for what queries put aside when memory is short."""
        folder = self.folder / "spill"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _month(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m")
