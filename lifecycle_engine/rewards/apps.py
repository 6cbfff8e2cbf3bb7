"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RewardsConfig(AppConfig):
    """Offers, coupons, redemption."""

    name = "lifecycle_engine.rewards"
    label = "rewards"
    verbose_name = _("Rewards")
