"""One configuration for the tasks of a model: those that differ in it are trained apart."""

from django.db import transaction

from lifecycle_engine.scoring.models import ScorerSetting
from lifecycle_engine.scoring.selectors import mode_of
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.tasks import TaskScorer


def tasks_of(scorer_key: str) -> list[str]:
    """The keys of the other tasks of the scorer's model; none of a scorer that is no task."""
    scorer_class = scorers.get(scorer_key) if scorer_key in scorers else None
    if scorer_class is None or not issubclass(scorer_class, TaskScorer):
        return []
    return [
        found.key
        for found in scorers.registered()
        if issubclass(found, TaskScorer)
        and found.model is scorer_class.model
        and found.key != scorer_key
    ]


@transaction.atomic
def configuration_share(setting: ScorerSetting) -> None:
    """Give the other tasks of a model the configuration of one; nothing else of them changes.

    A task that has no setting gets one with the mode that it has without.
    """
    for key in tasks_of(setting.key):
        mode = mode_of(scorer_key=key, setting=None)
        ScorerSetting.objects.update_or_create(
            key=key,
            defaults={"config": setting.config},
            create_defaults={"config": setting.config, "mode": mode},
        )
