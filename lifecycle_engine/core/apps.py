"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    """What every app uses: jobs, locks, named SQL, bulk transfer, API basics."""

    name = "lifecycle_engine.core"
    label = "core"
    verbose_name = _("Core")
