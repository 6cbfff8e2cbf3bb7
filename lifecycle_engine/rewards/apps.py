"""App registration."""

import importlib

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RewardsConfig(AppConfig):
    """Offers, coupons, redemption."""

    name = "lifecycle_engine.rewards"
    label = "rewards"
    verbose_name = _("Rewards")

    def ready(self) -> None:
        """Show customers' coupons in their profiles, and coupons in the warehouse and in rules."""
        importlib.import_module(f"{self.name}.conditions")
        importlib.import_module(f"{self.name}.registrations")
