"""The tables that live in PostgreSQL, registered by the apps that own them."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

import pyarrow as pa

from lifecycle_engine.core.bulk import arrow_read
from lifecycle_engine.warehouse.errors import TableRegistrationError, UnknownTableError
from lifecycle_engine.warehouse.schemas import LOG_TABLES

#: Where a statement takes the customers in that are asked for; names the column that holds them.
_MARK = re.compile(r"/\* of customers: (\S+) \*/")


@dataclass(frozen=True)
class LiveTable:
    """A table that is read from PostgreSQL when something asks for it."""

    name: str
    schema: pa.Schema
    read: Callable[[], pa.Table] | str
    customer: str = ""

    def rows(self, *, profile_ids: Collection[int] | None = None) -> pa.Table:
        """Its committed rows, with exactly the registered columns.

        Args:
            profile_ids: where the table has rows of customers, read only those of these.
        """
        read = self.read
        if isinstance(read, str):
            found = arrow_read(read if profile_ids is None else self._narrowed(read, profile_ids))
        else:
            found = read()
        return found.select(self.schema.names).cast(self.schema)

    def _narrowed(self, read: str, profile_ids: Collection[int]) -> str:
        among = ids_among(profile_ids)
        if _MARK.search(read):
            return _MARK.sub(lambda mark: f"AND {mark[1]} {among}", read)
        if not self.customer:
            return read
        return f'SELECT * FROM ({read}) AS whole WHERE "{self.customer}" {among}'  # noqa: S608 - a registered name, and numbers


def ids_among(ids: Collection[int]) -> str:
    """The condition that a column is among the ids, for statements that go over ADBC."""
    return "= ANY ('{" + ",".join(str(int(one)) for one in ids) + "}'::bigint[])"


_tables: dict[str, LiveTable] = {}


def table_register(
    name: str,
    *,
    schema: pa.Schema,
    read: Callable[[], pa.Table] | str,
    customer: str = "",
) -> None:
    """Make a table of an app readable through the warehouse; called from ``AppConfig.ready``.

    A session of some customers reads only their rows of it. Where the database could not narrow the
    whole statement by itself, for it groups or computes the customer, the statement says where:
    ``/* of customers: entry.customer_id */`` behind a WHERE becomes a condition on that column.

    Args:
        name: what it is asked for by, ``tables[name]``.
        schema: its columns.
        read: a SELECT that ADBC can carry (numeric cast to float8, jsonb and uuid to text), or a
            function that returns the rows.
        customer: the column that holds the customer; without it, and without such a mark in the
            statement, the table is always read whole.

    Raises:
        TableRegistrationError: the name is taken.
    """
    if name in _tables or name in LOG_TABLES:
        raise TableRegistrationError(f"Table {name!r} is registered already")
    _tables[name] = LiveTable(name, schema, read, customer)


def table_get(name: str) -> LiveTable:
    """The registered table of that name.

    Raises:
        UnknownTableError: there is none; the message names it and what there is.
    """
    try:
        return _tables[name]
    except KeyError:
        known = ", ".join(sorted([*_tables, *LOG_TABLES]))
        raise UnknownTableError(f"No table {name!r}; there is: {known}") from None
