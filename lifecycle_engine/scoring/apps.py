"""App registration."""

import importlib

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.scorers import scorers


class ScoringConfig(AppConfig):
    """Training, model versions, batch scoring."""

    name = "lifecycle_engine.scoring"
    label = "scoring"
    verbose_name = _("Scoring")

    def ready(self) -> None:
        """Register conditions, tables and profile sections; they need the apps to be loaded."""
        importlib.import_module("lifecycle_engine.scoring.conditions")
        importlib.import_module("lifecycle_engine.scoring.tables").tables_register()
        importlib.import_module("lifecycle_engine.scoring.profile").sections_register()
        members = importlib.import_module("lifecycle_engine.scoring.targets.members")
        scorers.members_from(members.TargetMembers())
