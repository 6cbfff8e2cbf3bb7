"""App registration."""

import importlib

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    """Who: customers, identities, attributes, consent."""

    name = "lifecycle_engine.customers"
    label = "customers"
    verbose_name = _("Customers")

    def ready(self) -> None:
        """Register the profile sections, and what each app keeps of customers."""
        importlib.import_module(f"{self.name}.consent_profile")
        autodiscover_modules("personal")
