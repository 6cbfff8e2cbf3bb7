"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    """Templates, outbox, channels, suppression."""

    name = "lifecycle_engine.messaging"
    label = "messaging"
    verbose_name = _("Messaging")
