"""The tables that live in PostgreSQL, registered by the apps that own them."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from lifecycle_engine.core.bulk import arrow_read
from lifecycle_engine.warehouse.errors import TableRegistrationError, UnknownTableError
from lifecycle_engine.warehouse.schemas import LOG_TABLES


@dataclass(frozen=True)
class LiveTable:
    """A table that is read from PostgreSQL when something asks for it."""

    name: str
    schema: pa.Schema
    read: Callable[[], pa.Table] | str

    def rows(self) -> pa.Table:
        """Its committed rows, with exactly the registered columns."""
        found = arrow_read(self.read) if isinstance(self.read, str) else self.read()
        return found.select(self.schema.names).cast(self.schema)


_tables: dict[str, LiveTable] = {}


def table_register(name: str, *, schema: pa.Schema, read: Callable[[], pa.Table] | str) -> None:
    """Make a table of an app readable through the warehouse; called from ``AppConfig.ready``.

    Args:
        name: what it is asked for by, ``tables[name]``.
        schema: its columns.
        read: a SELECT that ADBC can carry (numeric cast to float8, jsonb and uuid to text), or a
            function that returns the rows.

    Raises:
        TableRegistrationError: the name is taken.
    """
    if name in _tables or name in LOG_TABLES:
        raise TableRegistrationError(f"Table {name!r} is registered already")
    _tables[name] = LiveTable(name, schema, read)


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
