"""The composition root as a Django app: it owns the commands that start whole stacks."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Holds ``manage.py run`` and ``manage.py demo``."""

    name = "lifecycle_engine.config"
    label = "engine_config"
