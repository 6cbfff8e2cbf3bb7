"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WarehouseConfig(AppConfig):
    """The columnar side: tables as Ibis expressions, engines, the feature library."""

    name = "lifecycle_engine.warehouse"
    label = "warehouse"
    verbose_name = _("Warehouse")
