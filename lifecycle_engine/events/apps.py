"""App registration."""

import importlib

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    """What happened: ingestion, the log, its readers, the product catalogue."""

    name = "lifecycle_engine.events"
    label = "events"
    verbose_name = _("Events")

    def ready(self) -> None:
        """Register the log reader that learns attributes."""
        importlib.import_module(f"{self.name}.attribute_log")
