"""What the tests of this package share."""

import pytest

from lifecycle_engine.warehouse.delta import DeltaStore
from lifecycle_engine.warehouse.engines.duckdb import DuckDBEngine


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A DuckDB session, shared by a module's tests: each makes tables of its own."""
    opened = DuckDBEngine(DeltaStore(tmp_path_factory.mktemp("warehouse")), threads=1)
    yield opened
    opened.close()
