"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    """The product: campaigns, journeys, enrolments, gates, decisions, results."""

    name = "campaigns"
    label = "campaigns"
    verbose_name = _("Campaigns")
