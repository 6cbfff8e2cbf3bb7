"""What an engine has to do."""

from datetime import datetime
from typing import Protocol

import ibis.expr.types as ir
import pyarrow as pa


class Engine(Protocol):
    """Computes Ibis expressions over the columnar copy and over tables handed to it.

    Its session runs in UTC and has functions ``json_text(document, key)``: the text of a JSON
    document's top-level member, the key taken literally, null where it is missing or null;
    ``json_values(document, key)``: the texts of the entries where the member is a list; and
    ``epoch(moment)``: seconds since 1970, with their fractions.
    """

    def log_table(
        self, name: str, *, start: datetime | None, end: datetime, merged: ir.Table | None = None
    ) -> ir.Table:
        """A table of the columnar copy with ``start <= occurred_at < end``."""

    def live_table(self, name: str, rows: pa.Table) -> ir.Table:
        """A table with the given rows, kept until the engine is closed."""

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute an expression."""

    def statement(self, expression: ir.Table) -> str:
        """The expression in the engine's own words; with no rows that it brings along."""

    def ask(self, statement: str, schema: pa.Schema) -> pa.Table:
        """Compute a statement."""

    def alias_set(self, alias: str, table: ir.Table) -> None:
        """Have an alias stand for a table in statements."""

    def moment_set(self, function: str, at: datetime) -> None:
        """Have a function of that name, of a number of microseconds, count back from a moment."""

    def close(self) -> None:
        """Let go of everything."""
