"""The test session: an embedded PostgreSQL of its own for each worker.

Workers don't share a server: a reader of the event log waits for the oldest open transaction of the
whole server, also for one of another worker's test.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import django
import hypothesis
import psycopg
import pytest
from django.utils import translation

# How long an example takes says more about what else the machine does.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# Before Django reads its settings: tests never touch the developer's own state or services.
for _name in (
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "WAREHOUSE_URL",
    "EMAIL_URL",
    "ENGINE_NOW",
    "SECRET_KEY",
):
    os.environ.pop(_name, None)
# Every plugin that is there: one that nobody loads would go untested.
_plugins = (Path(__file__).parent.parent / "plugins").glob("*/apps.py")
os.environ["PLUGINS"] = ",".join(sorted(f"plugins.{path.parent.name}" for path in _plugins))
os.environ["VAR"] = tempfile.mkdtemp(prefix="lifecycle-tests-")
os.environ["CELERY_BROKER_URL"] = "memory://"
# Registered first, so done last, when the server has stopped.
atexit.register(shutil.rmtree, os.environ["VAR"], ignore_errors=True)

from lifecycle_engine.config.embedded import services  # noqa: E402 - once VAR is set

services.start()
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as _connection:
    # An automatic ANALYZE is an open transaction, and holds readers of the log back for a moment.
    # They then read a little later; a test that looks at once would see nothing.
    _connection.execute("ALTER SYSTEM SET autovacuum = off")
    _connection.execute("SELECT pg_reload_conf()")
Path(os.environ["VAR"]).chmod(0o755)

# Not named in pyproject.toml: pytest-django would read the settings before the services are there.
os.environ["DJANGO_SETTINGS_MODULE"] = "lifecycle_engine.config.settings"
django.setup()

from tests.engines import NOT_ON_SPARK, ON_SPARK, warehouse_url  # noqa: E402 - once Django is set up

# Workers inherit the environment. With this in it pytest-django would read the settings before this
# file, and every worker would use the first process's server instead of its own.
del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session", autouse=True)
def _tables_emptied_quickly():
    """Empty tables after a test in a quarter of the time that Django's own way takes.

    TRUNCATE makes a new file for every table and index, and then kinds of content and permissions
    are made anew, which no test changes.
    """

    # Once Django is set up.
    from django.core.management.commands import flush  # noqa: PLC0415
    from django.db.backends.postgresql.operations import DatabaseOperations  # noqa: PLC0415

    def sql_flush(self, _style, tables, **_options):
        # Neither keys nor the triggers that keep ledgers from being changed ask about order.
        return [
            "SET LOCAL session_replication_role = replica",
            *(
                f"DELETE FROM {self.quote_name(table)}"
                for table in tables
                if table not in {"django_content_type", "auth_permission"}
            ),
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_arguments: None)
        yield


def pytest_report_header():
    """Say what is left out, and why."""
    return [f"not on Spark: {test}: {why}" for test, why in NOT_ON_SPARK.items() if ON_SPARK]


def pytest_collection_modifyitems(config, items):
    """Leave out what can't be asked of Spark."""
    left_out = [item for item in items if ON_SPARK and item.originalname in NOT_ON_SPARK]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def _own_warehouse(settings, tmp_path):
    """Every test starts with an empty columnar copy, and an empty erasure log, of its own."""
    settings.WAREHOUSE_URL = warehouse_url(tmp_path / "warehouse")
    settings.ERASURE_LOG = tmp_path / "erasures.jsonl"


@pytest.fixture(autouse=True)
def _own_language():
    """A page asked for in another language leaves it active; no test after it sees that."""
    yield
    translation.deactivate()


@pytest.fixture
def database_copied(transactional_db):
    """A context manager: the URL of a database that starts as what the test has made so far."""

    # Once Django is set up.
    from django.db import connection, connections  # noqa: PLC0415

    @contextmanager
    def copied(name):
        source = connection.settings_dict["NAME"]
        copy = f"{source}_{name}"
        connections.close_all()
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [source],
            )
            server.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{source}"')
            yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{copy}").geturl()
            server.execute(f'DROP DATABASE "{copy}" WITH (FORCE)')

    return copied
