"""Tables for a plugin's tests: a few rows in memory, with the columns that the engine's have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from lifecycle_engine.sdk.tables import Tables

_MOMENT = pa.timestamp("us", tz="UTC")
_TEXT, _WHOLE, _NUMBER, _YES_NO = pa.string(), pa.int64(), pa.float64(), pa.bool_()

_SCHEMAS: Mapping[str, Mapping[str, pa.DataType]] = {
    "customers": {
        "id": _WHOLE, "external_id": _TEXT, "email_hash": _TEXT, "phone_hash": _TEXT,
        "first_name": _TEXT, "last_name": _TEXT, "language": _TEXT, "time_zone": _TEXT,
        "country": _TEXT, "attributes": _TEXT, "created_at": _MOMENT,
    },
    "products": {
        "sku": _TEXT, "name": _TEXT, "brand": _TEXT, "department": _TEXT, "category": _TEXT,
        "price": _NUMBER, "available": _YES_NO,
    },
    "events": {
        "id": _TEXT, "customer_id": _WHOLE, "source": _TEXT, "name": _TEXT, "properties": _TEXT,
        "value": _NUMBER, "currency": _TEXT, "product_sku": _TEXT, "category": _TEXT,
        "campaign": _TEXT, "occurred_at": _MOMENT, "received_at": _MOMENT,
    },
    "orders": {
        "event_id": _TEXT, "order_id": _TEXT, "customer_id": _WHOLE, "occurred_at": _MOMENT,
        "value": _NUMBER, "currency": _TEXT, "discount": _NUMBER, "coupon_discount": _NUMBER,
        "lines": pa.int32(), "quantity": _NUMBER, "store": _TEXT,
    },
    "order_lines": {
        "event_id": _TEXT, "order_id": _TEXT, "customer_id": _WHOLE, "occurred_at": _MOMENT,
        "sku": _TEXT, "quantity": _NUMBER, "price": _NUMBER, "value": _NUMBER, "discount": _NUMBER,
        "department": _TEXT, "category": _TEXT,
    },
}  # fmt: skip
# As the engine's own session has it: the key is a name, not a path.
_SESSION = """
SET TimeZone = 'UTC';
CREATE TEMP MACRO json_text(document, member) AS
    json_extract_string(document, '$."' || replace(member, '"', '\\"') || '"');
CREATE TEMP MACRO json_values(document, member) AS
    json_extract_string(document, '$."' || replace(member, '"', '\\"') || '"[*]');
"""
_IN_TIME = ("events", "orders", "order_lines")


class MissingTableError(LookupError):
    """What was checked reads a table that these tables lack."""


class MemoryTables(Tables):
    """``sdk.tables.Tables`` over rows that a test gives; DuckDB computes, in UTC.

    Args:
        as_of: the event tables hold only what happened before.
        rows: by table, either dictionaries (a column left out is null) or an Arrow table.
    """

    def __init__(self, *, as_of: datetime, **rows: Iterable[Mapping[str, Any]] | pa.Table) -> None:
        self._as_of = as_of
        self._start: datetime | None = None
        self._connection = duckdb.connect()
        self._connection.execute(_SESSION)
        self._tables: dict[str, ir.Table] = {}
        for name, columns in _SCHEMAS.items():
            self._add(name, _arrow(rows.pop(name, ()), columns))
        for name, given in rows.items():
            self._add(
                name, given if isinstance(given, pa.Table) else pa.Table.from_pylist([*given])
            )

    @property
    def as_of(self) -> datetime:
        """The first moment that the event tables don't hold any more."""
        return self._as_of

    def __getitem__(self, name: str) -> ir.Table:
        if name not in self._tables:
            raise MissingTableError(f"There is no table {name!r}; there is {[*self._tables]}")
        table = self._tables[name]
        if name not in _IN_TIME:
            return table
        table = table.filter(table.occurred_at < ibis.literal(self._as_of))
        if self._start is None:
            return table
        return table.filter(table.occurred_at >= ibis.literal(self._start))

    def window(self, start: datetime, end: datetime) -> MemoryTables:
        """The same tables with ``start <= occurred_at < end`` in the event tables."""
        other = object.__new__(MemoryTables)
        other._connection, other._tables = self._connection, self._tables
        other._start, other._as_of = start, end
        return other

    def without_future(self) -> MemoryTables:
        """The same, with nothing from ``as_of`` on left that one could peek at."""
        rows = {name: self.execute(self[name]) for name in self._tables}
        # The engine gives scorers no more, since the rest changes in place.
        rows["events"] = rows["events"].drop_columns(["received_at"]).to_pylist()
        products = rows["products"].drop_columns(["price", "available"]).to_pylist()
        rows["products"] = [row | {"available": True} for row in products]
        rows["customers"] = [
            {"id": row["id"], "created_at": row["created_at"]}
            for row in rows["customers"].to_pylist()
            if row["created_at"] is not None and row["created_at"] < self.as_of
        ]
        return MemoryTables(as_of=self.as_of, **rows)

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute a table expression."""
        table = expression.as_table()
        for given in table.op().find(ops.InMemoryTable):
            self._connection.register(given.name, given.data.to_pyarrow(given.schema))
        found = self._connection.sql(ibis.to_sql(table, dialect="duckdb")).to_arrow_table()
        return found.cast(table.schema().to_pyarrow())

    def _add(self, name: str, rows: pa.Table) -> None:
        self._connection.register(name, rows)
        self._tables[name] = ibis.table(ibis.Schema.from_pyarrow(rows.schema), name=name)


def _arrow(rows: Iterable[Mapping[str, Any]] | pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    schema = pa.schema(list(columns.items()))
    if isinstance(rows, pa.Table):
        return rows.select(list(columns)).cast(schema)
    given = list(rows)
    if strange := {name for row in given for name in row} - set(columns):
        raise ValueError(f"No such columns: {sorted(strange)}; there are {list(columns)}")
    return pa.Table.from_pylist(given, schema=schema)
