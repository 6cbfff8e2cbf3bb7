"""Which tasks are trained together, and having all of them to oneself."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.scoring.errors import ScorerOffError
from lifecycle_engine.scoring.models import ScorerMode
from lifecycle_engine.scoring.selectors import scorer_build, scorer_mode
from lifecycle_engine.scoring.task_groups import task_keys, tasks_beside
from lifecycle_engine.scoring.task_settings import is_alike
from lifecycle_engine.scoring.turns import scorer_turn
from lifecycle_engine.sdk.tasks import TaskScorer


def tasks_with(scorer_key: str) -> list[TaskScorer]:
    """The tasks that are trained together with one, itself among them, in the order of their keys.

    Those of its model that are not off and are configured as it is: to one that is configured
    otherwise, another model belongs.

    Raises:
        ScorerOffError: staff have switched the scorer itself off.
        ScorerConfigError: its configuration is wrong.
    """
    if scorer_mode(scorer_key=scorer_key) is ScorerMode.OFF:
        raise ScorerOffError(f"Scorer {scorer_key} is switched off")
    asked = scorer_build(scorer_key=scorer_key)
    assert isinstance(asked, TaskScorer)  # noqa: S101 - the caller knows.
    keys = [key for key in task_keys(asked) if key == scorer_key or _joins(key, asked)]
    return tasks_beside(asked, keys)


@contextmanager
def tasks_turn(tasks: Sequence[TaskScorer]) -> Iterator[None]:
    """Have all of the tasks to oneself, in the order of their keys.

    Raises:
        ScorerBusyError: another worker trains or runs one of them.
        ScorerOffError: staff have just switched one of them off.
    """
    with ExitStack() as turns:
        for task in tasks:
            turns.enter_context(scorer_turn(task.key))
        yield


@contextmanager
def model_turn(tasks: Sequence[TaskScorer]) -> Iterator[None]:
    """Wait until nobody else trains the tasks' model.

    Every night each task is asked for, by several workers at once: who comes second finds what the
    first has trained.
    """
    with advisory_lock(f"scoring:model:{tasks[0].model.key}", wait=True):
        yield


def _joins(key: str, asked: TaskScorer) -> bool:
    return is_alike(key, asked) and scorer_mode(scorer_key=key) is not ScorerMode.OFF
