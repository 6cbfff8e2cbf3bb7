"""Staff for the console's tests."""

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def admin_user(db):
    """A superuser without a password: hashing one would take most of each test's time."""
    return User.objects.create(username="admin", is_staff=True, is_superuser=True)
