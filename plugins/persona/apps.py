"""The plugin's registration."""

from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.plugins import PluginConfig


class PersonaConfig(PluginConfig):
    """Who behaves alike."""

    name = "plugins.persona"
    label = "persona"
    verbose_name = _("Personas")
    version = "1.0.0"
    requires_engine = ">=0.1,<2.0"
