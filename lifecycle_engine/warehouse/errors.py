"""What can go wrong in the warehouse."""

import adbc_driver_manager
import django.db
import duckdb
import pyarrow as pa
from deltalake.exceptions import DeltaError


class WarehouseError(Exception):
    """The base of this app's errors."""


class WarehouseReadError(WarehouseError):
    """A table can't be read; the message names it. Nothing is known of what it holds."""


class WarehouseQueryError(WarehouseError):
    """The engine can't compute an expression."""


class WarehouseUrlError(WarehouseError, ValueError):
    """``WAREHOUSE_URL`` names no engine that there is."""


class TableRegistrationError(WarehouseError):
    """A table's name is taken."""


class UnknownTableError(WarehouseError, LookupError):
    """There is no table of that name."""


class MirrorMismatchError(WarehouseError):
    """The columnar copy doesn't belong to this log; it has to be rebuilt."""


class MirrorBusyError(WarehouseError):
    """Another process is mirroring."""


#: What reading a table raises, whichever of the libraries below meets the trouble.
READ_ERRORS: tuple[type[Exception], ...] = (
    DeltaError,
    adbc_driver_manager.Error,
    duckdb.Error,
    django.db.Error,
    pa.ArrowException,
    OSError,
    WarehouseQueryError,
)
