"""The warehouse as a scorer sees it: up to a moment, and without those who may not be looked at."""

from collections.abc import Collection
from datetime import datetime

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from lifecycle_engine.scoring.errors import LeakageError
from lifecycle_engine.sdk.tables import Tables

#: Of customers what is the same at all times, and the language, in which reasons are told. The rest
#: changes in place: an attribute or an address of today would tell what came of an order.
_CUSTOMER_COLUMNS = ("id", "language", "created_at")

#: What scorers may read, with the column that holds the customer. Other tables know only the
#: present: as features of the past they would tell the future.
_CUSTOMER_COLUMN = {
    "customers": "id",
    "products": None,
    "events": "customer_id",
    "orders": "customer_id",
    "order_lines": "customer_id",
}


class BoundedTables(Tables):
    """Tables of the warehouse, held to a stretch of time and to customers who don't object.

    Args:
        tables: the warehouse's.
        excluded: customers who are not in them.
        only: customers beside whom nobody is in them; None for everybody.
        start: from when on they reach; None for the beginning.
        stock: whether products say which can be bought now, for who recommends some now; else all
            of them count as available, since what could be bought then is not known.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        excluded: Collection[int] = (),
        only: Collection[int] | None = None,
        start: datetime | None = None,
        stock: bool = False,
    ) -> None:
        self._tables = tables
        self._excluded = excluded
        self._only = only
        self._start = start
        self._stock = stock
        self._made: dict[str, ir.Table] = {}

    @property
    def as_of(self) -> datetime:
        """The first moment that is not in the tables."""
        return self._tables.as_of

    def __getitem__(self, name: str) -> ir.Table:
        """The table of that name.

        Raises:
            LeakageError: the table knows only the present.
        """
        if name not in _CUSTOMER_COLUMN:
            raise LeakageError(
                f"Scorers can't read table {name!r}: it knows only the present. "
                f"There is: {', '.join(_CUSTOMER_COLUMN)}"
            )
        if name not in self._made:
            # Kept, since to Ibis the columns of a table made anew are another table's.
            table = self._known_then(name, self._tables[name])
            self._made[name] = self._held(table, _CUSTOMER_COLUMN[name])
        return self._made[name]

    def window(self, start: datetime, end: datetime) -> "BoundedTables":
        """The same tables between two moments.

        Raises:
            LeakageError: the window reaches beyond these tables.
        """
        if end > self.as_of or (self._start is not None and start < self._start):
            raise LeakageError(
                f"A scorer asked for events from {start} to {end}, "
                f"but may see only {self._start or 'the beginning'} to {self.as_of}"
            )
        return BoundedTables(
            self._tables.window(start, end),
            excluded=self._excluded,
            only=self._only,
            start=start,
            stock=self._stock,
        )

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute a table expression."""
        return self._tables.execute(expression)

    def _known_then(self, name: str, table: ir.Table) -> ir.Table:
        """The columns that say of the past what could be known in it."""
        if name == "customers":
            return table.select(*_CUSTOMER_COLUMNS)
        if name == "events":
            return table.drop("received_at")
        if name == "products":
            table = table.drop("price")
            return table if self._stock else table.mutate(available=ibis.literal(True))
        return table

    def _held(self, table: ir.Table, column: str | None) -> ir.Table:
        if column is None:
            return table
        if self._only is not None:
            chosen = ibis.memtable({column: sorted(self._only)}, schema={column: "int64"})
            table = table.semi_join(chosen, column)
        if not self._excluded:
            return table
        objectors = ibis.memtable({column: sorted(self._excluded)}, schema={column: "int64"})
        return table.anti_join(objectors, column)
