"""The Celery application: ``celery -A lifecycle_engine.config.celery worker``."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_ready
from kombu.transport.sqlalchemy import Transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifecycle_engine.config.settings")
# TensorFlow would take all memory of a GPU, of which other workers may want some. Before it loads.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

# How often a worker looks for tasks on the embedded broker. Not a transport option: kombu would
# hand that on to SQLAlchemy's create_engine, which refuses it.
Transport.polling_interval = 0.2

app = Celery("lifecycle_engine")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Otherwise the threads of the web server would find an unconfigured application instead.
app.set_default()


@worker_ready.connect(weak=False)
def _say_ready(**_: Any) -> None:
    """Touch the file that a supervisor waits for; the embedded broker knows no ping."""
    if name := os.environ.get("WORKER_READY_FILE"):
        Path(name).touch()
