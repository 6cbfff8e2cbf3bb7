"""The plugin's registration."""

from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.plugins import PluginConfig


class RecommenderConfig(PluginConfig):
    """What customers are going to buy next."""

    name = "plugins.recommender"
    label = "recommender"
    verbose_name = _("Recommender")
    version = "1.0.0"
    requires_engine = ">=0.1,<2.0"
