"""App registration."""

import importlib

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

_REGISTERING = (
    "conditions.attributes",
    "conditions.catalogue",
    "conditions.dates",
    "conditions.events",
    "conditions.figures",
    "conditions.identity",
    "conditions.orders",
    "conditions.sequences",
    "conditions.standing",
    "tables",
    "profiles",
    "touched",
    "uploads",
)


class SegmentsConfig(AppConfig):
    """The rule language, membership, lifecycle stages."""

    name = "lifecycle_engine.segments"
    label = "segments"
    verbose_name = _("Segments")

    def ready(self) -> None:
        """Register the conditions, the tables, profile sections, the log reader and lists."""
        for module in _REGISTERING:
            importlib.import_module(f"{self.name}.{module}")
