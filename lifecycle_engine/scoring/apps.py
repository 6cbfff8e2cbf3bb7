"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ScoringConfig(AppConfig):
    """Training, model versions, batch scoring."""

    name = "lifecycle_engine.scoring"
    label = "scoring"
    verbose_name = _("Scoring")
