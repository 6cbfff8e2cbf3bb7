"""The composition root as a Django app: it owns the commands that start whole stacks."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

# Loaded here, so that whoever queues a task (web server, command) has the configured application.
from lifecycle_engine.config.broker import broker_prepare
from lifecycle_engine.config.celery import app as celery_app
from lifecycle_engine.sdk.actions import actions
from lifecycle_engine.sdk.channels import channels
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.sdk.scorers import scorers

__all__ = ["ConfigConfig", "celery_app"]


class ConfigConfig(AppConfig):
    """Holds ``manage.py run`` and ``manage.py demo``, and closes the registries."""

    name = "lifecycle_engine.config"
    label = "engine_config"

    def ready(self) -> None:
        """Close the registries: this app is the last one, so all extensions are in."""
        # Django sends the signal for apps with models only, of which this is none.
        post_migrate.connect(broker_prepare, sender=apps.get_app_config("core"))
        for registry in (actions, channels, conditions, scorers):
            registry.freeze()
