"""How classes' shares have moved from run to run, and who moved from which to which."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.scoring.run_models import RunState, ScoringRun

#: Runs that are shown, and how far apart those are between which customers moved.
RUNS_SHOWN = 12
APART = timedelta(days=28)


@dataclass(frozen=True)
class Flow:
    """Customers who were in one class at an earlier run and in another at a later one.

    Attributes:
        before: the class's number then; None for who had none.
        after: the class's number now; None for who has none any more.
        customers: how many.
    """

    before: int | None
    after: int | None
    customers: int


def class_runs(*, scorer_key: str) -> list[ScoringRun]:
    """The newest published runs of a scorer of classes, oldest first, one for each moment."""
    runs = ScoringRun.objects.filter(scorer_key=scorer_key, state=RunState.PUBLISHED)
    found: dict[object, ScoringRun] = {}
    for run in runs.exclude(class_counts={}).order_by("-as_of", "-pk")[: 4 * RUNS_SHOWN]:
        found.setdefault(run.as_of, run)
    return list(found.values())[:RUNS_SHOWN][::-1]


def runs_compared(runs: Sequence[ScoringRun]) -> tuple[ScoringRun, ScoringRun] | None:
    """The newest run, after the newest that is four weeks older, or the oldest; None of one."""
    if len(runs) < 2:
        return None
    newest = runs[-1]
    older = [run for run in runs[:-1] if run.as_of <= newest.as_of - APART]
    return (older[-1] if older else runs[0]), newest


def class_flows(before: ScoringRun, after: ScoringRun) -> list[Flow]:
    """Who went where between two runs, the many first; ``after`` is the scorer's newest.

    It is read from the history of scores, which keeps every change.
    """
    params = {"scorer_key": after.scorer_key, "before": before.as_of, "after": after.as_of}
    return [Flow(*row) for row in sql_rows("scoring", "class_flows", params)]
