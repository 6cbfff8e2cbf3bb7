"""The plugin's registration."""

from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.plugins import PluginConfig


class ValueEstimatorConfig(PluginConfig):
    """What customers are going to spend."""

    name = "plugins.value_estimator"
    label = "value_estimator"
    verbose_name = _("Value estimator")
    version = "2.1.0"
    requires_engine = ">=0.1,<2.0"
