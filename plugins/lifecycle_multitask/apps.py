"""The plugin's registration."""

from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.plugins import PluginConfig


class LifecycleMultitaskConfig(PluginConfig):
    """What a customer costs, whether they start, whether they stay, and what they spend."""

    name = "plugins.lifecycle_multitask"
    label = "lifecycle_multitask"
    verbose_name = _("Lifecycle, several tasks")
    version = "1.0.0"
    requires_engine = ">=0.1,<2.0"
