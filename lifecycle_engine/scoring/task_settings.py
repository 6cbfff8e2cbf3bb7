"""One configuration for the tasks of a model: those that differ in it are trained apart."""

from django.db import transaction

from lifecycle_engine.scoring.errors import ScorerConfigError
from lifecycle_engine.scoring.models import ScorerSetting
from lifecycle_engine.scoring.selectors import mode_of, scorer_build
from lifecycle_engine.scoring.task_groups import tasks_of
from lifecycle_engine.sdk.scorers import BaseScorer


def tasks_alike(scorer_key: str) -> bool:
    """Whether all other tasks of the scorer's model are configured as it is."""
    try:
        asked = scorer_build(scorer_key=scorer_key)
    except ScorerConfigError:
        return False
    return all(is_alike(key, asked) for key in tasks_of(scorer_key))


def is_alike(key: str, other: BaseScorer) -> bool:
    """Whether a scorer is configured as the other; not where its configuration is wrong."""
    try:
        return bool(scorer_build(scorer_key=key).config == other.config)
    except ScorerConfigError:  # It says so when it is its own turn.
        return False


@transaction.atomic
def training_share(setting: ScorerSetting) -> list[ScorerSetting]:
    """Give the other tasks of a model what decides of the training that they share.

    That is the configuration, and how many days lie between trainings; nothing else of them
    changes. A task that has no setting gets one with the mode that it has without.

    Returns:
        The settings that this changed.
    """
    shared = {"config": setting.config, "train_every_days": setting.train_every_days}
    changed = []
    for key in tasks_of(setting.key):
        mode = mode_of(scorer_key=key, setting=None)
        other, made = ScorerSetting.objects.select_for_update().get_or_create(
            key=key, defaults=shared | {"mode": mode}
        )
        if made or any(getattr(other, name) != value for name, value in shared.items()):
            for name, value in shared.items():
                setattr(other, name, value)
            other.save(update_fields=[*shared])
            changed.append(other)
    return changed
