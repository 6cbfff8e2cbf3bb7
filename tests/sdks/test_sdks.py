"""SDKs that the project does not install itself: each sends its events, all are stored once.

Not part of ``make test``, since it installs them: ``make test-sdks``. It wants Node.js and npm.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from tests.site import Site

pytestmark = pytest.mark.sdks

EVENTS = 10_000
FOLDER = Path(__file__).parent
NODE = {
    "segment_node": "@segment/analytics-node@3.1.0",
    "rudder_node": "@rudderstack/rudder-sdk-node@3.0.13",
}


@pytest.fixture
def key(transactional_db):
    return api_key_create(name="shop", scopes=[Scope.EVENTS_WRITE])[1]


@pytest.fixture
def database(key, database_copied):
    with (
        database_copied("sdks") as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.url = url
        yield connection


@pytest.fixture
def site(database, tmp_path):
    own = {"VAR": str(tmp_path), "DATABASE_URL": database.url, "SECRET_KEY": settings.SECRET_KEY}
    server = Site(os.environ | own)
    server.start()
    yield server
    server.kill()


def stored(database):
    query = "SELECT count(*), count(DISTINCT properties->>'number') FROM events_event"
    return database.execute(query).fetchone()


@pytest.mark.parametrize("sdk", NODE)
@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")
def test_a_node_sdk(sdk, key, site, database, tmp_path):
    subprocess.run(["npm", "install", "--silent", NODE[sdk]], cwd=tmp_path, check=True)
    script = shutil.copy(FOLDER / f"{sdk}.mjs", tmp_path)

    subprocess.run(["node", script, key, site.url, str(EVENTS)], cwd=tmp_path, check=True)

    assert stored(database) == (EVENTS, EVENTS)


def test_an_older_python_sdk(key, site, database, tmp_path):
    install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", tmp_path / "sdk"]
    subprocess.run([*install, "segment-analytics-python==2.3.4"], check=True)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "sdk")}
    script = FOLDER / "segment_python.py"

    subprocess.run(
        [sys.executable, script, key, site.url, str(EVENTS)], env=environment, check=True
    )

    assert stored(database) == (EVENTS, EVENTS)
