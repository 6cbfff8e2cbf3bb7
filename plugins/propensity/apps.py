"""The plugin's registration."""

from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.plugins import PluginConfig


class PropensityConfig(PluginConfig):
    """Who is about to do something."""

    name = "plugins.propensity"
    label = "propensity"
    verbose_name = _("Propensity")
    version = "1.1.0"
    requires_engine = ">=0.1,<2.0"
