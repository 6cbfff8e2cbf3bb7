"""What the tests of campaigns share."""

from contextlib import contextmanager

import pytest
from django.db import transaction


@pytest.fixture
def transactional_rollback():
    """A block whose writes are undone: a clean database for each of Hypothesis's examples."""

    @contextmanager
    def block():
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    return block
