"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SegmentsConfig(AppConfig):
    """The rule language, membership, lifecycle stages."""

    name = "lifecycle_engine.segments"
    label = "segments"
    verbose_name = _("Segments")
