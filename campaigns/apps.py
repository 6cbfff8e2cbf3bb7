"""App registration."""

import importlib

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

#: Loaded when the app is ready, so that what they hold registers.
_EXTENSIONS = ("campaigns.actions.coupon", "campaigns.actions.message", "campaigns.actions.exit")


class CampaignsConfig(AppConfig):
    """The product: campaigns, journeys, enrolments, gates, decisions, results."""

    name = "campaigns"
    label = "campaigns"
    verbose_name = _("Campaigns")

    def ready(self) -> None:
        """Register the built-in actions and the tables for the warehouse."""
        for module in _EXTENSIONS:
            importlib.import_module(module)
        importlib.import_module("campaigns.tables").tables_register()
