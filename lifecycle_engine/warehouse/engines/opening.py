"""From ``WAREHOUSE_URL`` to an engine."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from lifecycle_engine.warehouse.delta import DeltaStore
from lifecycle_engine.warehouse.engines.base import Engine
from lifecycle_engine.warehouse.engines.duckdb import DuckDBEngine
from lifecycle_engine.warehouse.errors import WarehouseUrlError


def store_open(url: str) -> DeltaStore:
    """The store of Delta tables that the URL names."""
    parts = urlsplit(url)
    return DeltaStore(Path(parts.netloc + parts.path))


def engine_open(url: str) -> Engine:
    """The engine that the URL names: ``duckdb://FOLDER``, with ``?threads=2&memory=1GB``.

    Raises:
        WarehouseUrlError: there is no such engine, or an option is wrong.
    """
    parts = urlsplit(url)
    if parts.scheme != "duckdb":
        raise WarehouseUrlError(f"WAREHOUSE_URL={url!r}: no engine {parts.scheme!r}, only 'duckdb'")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    threads, memory = options.pop("threads", ""), options.pop("memory", "2GB")
    if options or (threads and not threads.isdecimal()):
        raise WarehouseUrlError(
            f"WAREHOUSE_URL={url!r}: options are threads, a number, and memory, such as 2GB"
        )
    return DuckDBEngine(store_open(url), threads=int(threads) if threads else None, memory=memory)
