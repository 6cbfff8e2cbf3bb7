"""Which tasks a model has, and having one object of it for several of them."""

from collections.abc import Collection

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


def task_keys(scorer: TaskScorer) -> list[str]:
    """The keys of all tasks of the scorer's model that plugins bring, its own among them."""
    return sorted([scorer.key, *tasks_of(scorer.key)])


def tasks_beside(scorer: TaskScorer, keys: Collection[str]) -> list[TaskScorer]:
    """The tasks with those keys, unfitted, sharing the scorer's model and configuration.

    The scorer is one of them.
    """
    found = []
    for key in sorted(keys):
        task_class = scorers.get(key)
        if not issubclass(task_class, TaskScorer) or task_class.model is not scorer.model:
            raise TypeError(f"{key} is no task of {scorer.model.__name__}")
        task = scorer if key == scorer.key else task_class(scorer.config)
        task.shared = scorer.shared
        found.append(task)
    return found
