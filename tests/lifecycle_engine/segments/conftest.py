"""What the tests of this package share."""

import pytest

from tests.engines import engine_for


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine's session, shared by a module's tests: each makes tables of its own."""
    opened = engine_for(tmp_path_factory.mktemp("warehouse"))
    yield opened
    opened.close()
