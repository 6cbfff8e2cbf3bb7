"""The plugin's registration."""

from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.plugins import PluginConfig


class ChurnPredictorConfig(PluginConfig):
    """Who is about to stop buying."""

    name = "plugins.churn_predictor"
    label = "churn_predictor"
    verbose_name = _("Churn predictor")
    version = "2.2.0"
    requires_engine = ">=0.1,<2.0"
