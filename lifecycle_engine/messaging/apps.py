"""App registration."""

import importlib

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

_CHANNELS = ("smtp", "sms_sink")


class MessagingConfig(AppConfig):
    """Templates, outbox, channels, suppression."""

    name = "lifecycle_engine.messaging"
    label = "messaging"
    verbose_name = _("Messaging")

    def ready(self) -> None:
        """Register the channels that the engine brings along."""
        for module in _CHANNELS:
            importlib.import_module(f"{self.name}.channels.{module}")
