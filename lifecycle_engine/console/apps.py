"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConsoleConfig(AppConfig):
    """What staff see beyond plain admin lists."""

    name = "lifecycle_engine.console"
    label = "console"
    verbose_name = _("Console")
