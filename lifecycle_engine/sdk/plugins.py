"""What makes a Django app a plugin."""

import importlib
from typing import Any, ClassVar

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule
from packaging.specifiers import SpecifierSet

import lifecycle_engine

#: Modules of a plugin that are loaded when they exist, so that their extensions register.
EXTENSION_MODULES = ("scorers", "conditions", "actions", "channels")


class PluginConfig(AppConfig):
    """The AppConfig of a plugin.

    A subclass sets ``name``, ``label``, ``version`` and ``requires_engine``; the modules named in
    ``EXTENSION_MODULES`` are imported when the app is ready. A module that exists but fails to
    import fails the start: a broken plugin must not look like a missing one.
    """

    # Without this Django would take the base class itself for the plugin's configuration and
    # silently ignore the subclass.
    default = False

    version: ClassVar[str] = "0"
    requires_engine: ClassVar[str] = ">=0"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # The subclass would inherit the base's False and be ignored in its turn.
        cls.default = True

    def ready(self) -> None:
        """Check the engine's version and load the plugin's extensions."""
        if lifecycle_engine.__version__ not in SpecifierSet(self.requires_engine):
            raise ImproperlyConfigured(
                f"Plugin {self.name} {self.version} requires engine {self.requires_engine}, "
                f"this is {lifecycle_engine.__version__}"
            )
        for module in EXTENSION_MODULES:
            if self.module is not None and module_has_submodule(self.module, module):
                importlib.import_module(f"{self.name}.{module}")
