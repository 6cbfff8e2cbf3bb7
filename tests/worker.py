"""A real Celery worker for tests that have to kill it."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

from lifecycle_engine.config.environment import ROOT

_WORKER = [
    *("-A", "lifecycle_engine.config.celery", "worker", "-l", "INFO", "-Q", "default"),
    *("--pool=prefork", "--concurrency=1"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
]


def broker_url(database_url):
    """The broker in the database, as the engine has it by default."""
    return database_url.replace("postgresql://", "sqla+postgresql+psycopg://")


def migrate(environment):
    """Make the tables, also those of the broker, which a worker and its wakers else race for."""
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate"], env=environment, check=True
    )


@contextmanager
def worker(environment, log):
    """A worker in a process group of its own, killed with all its children."""
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [*_celery(environment), *_WORKER],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def wake(environment, task):
    """Send a task, as the beat does."""
    subprocess.run(
        [*_celery(environment), "call", task, "--queue", "default"],
        env=environment,
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _celery(environment):
    return [sys.executable, "-m", "celery", "-b", environment["CELERY_BROKER_URL"]]
