"""What the workers accept, and what they never load."""

import subprocess
import sys

import pytest
from kombu import Connection, Exchange, Queue
from kombu.exceptions import ContentDisallowed

from lifecycle_engine.config.celery import app
from lifecycle_engine.config.environment import ROOT


def test_pickled_message_is_refused(tmp_path):
    queue = Queue("canary", Exchange("canary"), routing_key="canary")
    canary = tmp_path / "canary"
    refused = []

    class Payload:
        def __reduce__(self):
            return canary.touch, ()

    with Connection("memory://") as connection:
        connection.Producer(serializer="pickle").publish(
            Payload(), exchange=queue.exchange, routing_key="canary", declare=[queue]
        )
        accept = app.conf.accept_content

        def on_decode_error(message, error):
            refused.append(error)
            message.ack()

        consumer = connection.Consumer(
            queue,
            accept=accept,
            callbacks=[lambda body, message: message.ack()],
            on_decode_error=on_decode_error,
        )
        with consumer:
            connection.drain_events(timeout=5)

    assert [type(error) for error in refused] == [ContentDisallowed]
    assert not canary.exists()


def test_tasks_and_results_are_json_only():
    assert list(app.conf.accept_content) == ["json"]
    assert app.conf.task_serializer == "json"


@pytest.mark.parametrize(
    "module", ["lifecycle_engine.config.wsgi", "lifecycle_engine.config.celery"]
)
def test_model_libraries_are_not_loaded_at_start(module):
    script = f"""
import sys, django, importlib
importlib.import_module({module!r})
django.setup()
from lifecycle_engine.config.celery import app
app.loader.import_default_modules()
print(sorted(set(sys.modules) & {{"tensorflow", "keras", "skops", "sklearn", "scipy"}}))
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.stdout.strip().splitlines()[-1:] == ["[]"], result.stderr
