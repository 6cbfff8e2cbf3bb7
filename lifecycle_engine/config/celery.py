"""The Celery application: ``celery -A lifecycle_engine.config.celery worker``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifecycle_engine.config.settings")

app = Celery("lifecycle_engine")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
