"""The query engine that the tests run on: DuckDB, or Spark where ``TEST_ENGINE=spark`` says so."""

import os
from pathlib import Path

from lifecycle_engine.warehouse.engines.base import Engine
from lifecycle_engine.warehouse.engines.opening import engine_open

ON_SPARK = os.environ.get("TEST_ENGINE") == "spark"
#: What can't be asked of Spark, by the name of the test, and why; not run there.
NOT_ON_SPARK = {
    "test_a_handful_of_kills_leaves_what_a_rebuild_from_nothing_gives": (
        "its processes live for less than a second, which is less than Spark takes to start"
    ),
}
_spark_url = ""


def warehouse_url(folder: Path) -> str:
    """A WAREHOUSE_URL for a folder."""
    global _spark_url  # noqa: PLW0603 - one cluster for all tests
    if not ON_SPARK:
        return f"duckdb://{folder}?threads=1"
    if not _spark_url:
        # Only where it is asked for.
        from tests import spark_cluster  # noqa: PLC0415

        _spark_url = spark_cluster.start()
    return f"{_spark_url}{folder}"


def engine_for(folder: Path) -> Engine:
    """An engine on a folder of its own."""
    return engine_open(warehouse_url(folder))
