"""The test session: an embedded PostgreSQL of its own, shared by all workers."""

import os
import tempfile
from pathlib import Path

import django
import pytest

# Before Django reads its settings: tests never touch the developer's own state or services.
if "PYTEST_XDIST_WORKER" not in os.environ:
    for _name in (
        "DATABASE_URL",
        "CELERY_BROKER_URL",
        "WAREHOUSE_URL",
        "EMAIL_URL",
        "ENGINE_NOW",
    ):
        os.environ.pop(_name, None)
    # Every plugin that is there: one that nobody loads would go untested.
    _plugins = (Path(__file__).parent.parent / "plugins").glob("*/apps.py")
    os.environ["PLUGINS"] = ",".join(sorted(f"plugins.{path.parent.name}" for path in _plugins))
    os.environ["VAR"] = tempfile.mkdtemp(prefix="lifecycle-tests-")
    os.environ["CELERY_BROKER_URL"] = "memory://"

from lifecycle_engine.config.embedded import services

if "PYTEST_XDIST_WORKER" not in os.environ:
    services.start()
    Path(os.environ["VAR"]).chmod(0o755)

# Not named in pyproject.toml: pytest-django would read the settings before the services are there.
os.environ["DJANGO_SETTINGS_MODULE"] = "lifecycle_engine.config.settings"
django.setup()


@pytest.fixture(autouse=True)
def _own_warehouse(settings, tmp_path):
    """Every test starts with an empty columnar copy of its own."""
    settings.WAREHOUSE_URL = f"duckdb://{tmp_path}/warehouse?threads=1"
