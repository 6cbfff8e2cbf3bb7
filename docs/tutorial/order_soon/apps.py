"""The plugin's registration."""

from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.plugins import PluginConfig


class OrderSoonConfig(PluginConfig):
    """Who is going to order soon."""

    name = "plugins.order_soon"
    label = "order_soon"
    verbose_name = _("Order soon")
    version = "1.0.0"
    requires_engine = ">=0.1,<2.0"
