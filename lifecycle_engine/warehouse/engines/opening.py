"""From ``WAREHOUSE_URL`` to an engine."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from lifecycle_engine.warehouse.delta import DeltaStore
from lifecycle_engine.warehouse.engines.base import Engine
from lifecycle_engine.warehouse.engines.duckdb import DuckDBEngine
from lifecycle_engine.warehouse.errors import WarehouseUrlError


def store_open(url: str) -> DeltaStore:
    """The store of Delta tables that the URL names."""
    parts = urlsplit(url)
    # Of a cluster's URL the host is that of its master.
    return DeltaStore(Path(parts.path if parts.scheme == "spark" else parts.netloc + parts.path))


def engine_open(url: str) -> Engine:
    """The engine that the URL names.

    ``duckdb://FOLDER``, with ``?threads=2&memory=1GB``, or ``spark://HOST:PORT/FOLDER``.

    Raises:
        WarehouseUrlError: there is no such engine, or an option is wrong.
    """
    scheme = urlsplit(url).scheme
    if scheme not in _ENGINES:
        known = " or ".join(map(repr, _ENGINES))
        raise WarehouseUrlError(f"WAREHOUSE_URL={url!r}: no engine {scheme!r}, only {known}")
    return _ENGINES[scheme](url)


def _duckdb(url: str) -> Engine:
    options = {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
    threads, memory = options.pop("threads", ""), options.pop("memory", "2GB")
    if options or (threads and not threads.isdecimal()):
        raise WarehouseUrlError(
            f"WAREHOUSE_URL={url!r}: options are threads, a number, and memory, such as 2GB"
        )
    return DuckDBEngine(store_open(url), threads=int(threads) if threads else None, memory=memory)


def _spark(url: str) -> Engine:
    parts = urlsplit(url)
    if parts.query or not parts.hostname or len(parts.path) < 2:
        raise WarehouseUrlError(f"WAREHOUSE_URL={url!r}: wants spark://HOST:PORT/FOLDER")
    try:
        # Only where it is used: it brings 500 MB and wants Java.
        from lifecycle_engine.warehouse.engines.spark import SparkEngine  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise WarehouseUrlError(
            f"WAREHOUSE_URL={url!r}: {error}; install requirements/spark.txt"
        ) from error
    return SparkEngine(store_open(url), master=f"spark://{parts.netloc}")


_ENGINES: dict[str, Callable[[str], Engine]] = {"duckdb": _duckdb, "spark": _spark}
