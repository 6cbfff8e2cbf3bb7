"""The plugin's registration."""

from lifecycle_engine.sdk.plugins import PluginConfig


class DummyConfig(PluginConfig):
    """A plugin for tests."""

    name = "tests.dummy_plugin"
    label = "dummy_plugin"
    version = "9.8.7"
    requires_engine = ">=0.1"
