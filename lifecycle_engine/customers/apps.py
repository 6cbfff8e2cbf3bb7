"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    """Who: customers, identities, attributes, consent."""

    name = "lifecycle_engine.customers"
    label = "customers"
    verbose_name = _("Customers")
