"""Point-in-time data of several tasks at once: one frame of features, an outcome for each task."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.bounded_tables import BoundedTables
from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.sdk.tasks import TaskScorer, together
from lifecycle_engine.warehouse.session import warehouse_session


@dataclass(frozen=True)
class TaskFrame:
    """Features beside what came true, of whom at least one task knows it.

    Attributes:
        frame: the features, with the index (cutoff, customer_id).
        targets: a column for each task, by its key; NaN where the customer is not in its
            population, or nobody knows.
    """

    frame: pd.DataFrame
    targets: pd.DataFrame

    def of(self, keys: Sequence[str]) -> "TaskFrame":
        """For fewer tasks; customers of whom these know nothing are left out."""
        if list(self.targets.columns) == list(keys):
            return self
        targets = self.targets[list(keys)].dropna(how="all")
        return TaskFrame(self.frame.loc[targets.index], targets)

    def part(self, key: str) -> LabelledFrame:
        """What one task knows: features and outcomes of its customers."""
        target = self.targets[key].dropna().rename("target")
        return LabelledFrame(self.frame.loc[target.index], target)

    def outcomes(self, key: str) -> LabelledFrame:
        """As ``part``, without features: where only the outcomes count."""
        target = self.targets[key].dropna().rename("target")
        return LabelledFrame(pd.DataFrame(index=target.index), target)


def task_frames(
    tasks: Sequence[TaskScorer], *, cutoffs: Sequence[datetime], excluded: Collection[int]
) -> dict[datetime, TaskFrame]:
    """Features as of each cut-off date of the customers of all tasks, and what came true after it.

    Features are computed once for all tasks. As for a scorer by itself, they and the populations
    are from before the cut-off date, the outcomes from the ``horizon_days`` from it on.

    Raises:
        ScorerOutputError: an outcome is not one number per customer.
    """
    known = {
        task.key: datasets.outcomes(task, customer_ids=_members(task, cutoffs, excluded))
        for task in tasks
    }
    frames = datasets.feature_frames(together(tasks), moments=cutoffs, excluded=excluded)
    return {
        cutoff: _task_frame(cutoff, frames[cutoff], {key: known[key][cutoff] for key in known})
        for cutoff in cutoffs
    }


def task_tables(
    tasks: Sequence[TaskScorer], *, as_of: datetime, excluded: Collection[int]
) -> Iterator[pa.Table]:
    """As ``datasets.feature_table`` of each task, in their order; computed once for all.

    Who becomes a customer of a task meanwhile is left to the next run.

    Raises:
        ScorerOutputError: the model's own features lack a column or have a customer twice.
    """
    everybody = datasets.feature_table(together(tasks), as_of=as_of, excluded=excluded)
    ids = everybody["customer_id"].to_numpy()
    for task in tasks:
        members = _members(task, [as_of], excluded)[as_of]
        yield everybody.filter(pa.array(np.isin(ids, members)))


def stacked(parts: Sequence[TaskFrame]) -> TaskFrame:
    """Several cut-off dates one below another."""
    return TaskFrame(
        pd.concat([part.frame for part in parts]), pd.concat([part.targets for part in parts])
    )


def _members(
    task: TaskScorer, cutoffs: Sequence[datetime], excluded: Collection[int]
) -> dict[datetime, NDArray[np.int64]]:
    with warehouse_session(as_of=max(cutoffs)) as session:
        return {
            cutoff: datasets.members_of(
                task, BoundedTables(session.before(cutoff), excluded=excluded)
            )
            for cutoff in cutoffs
        }


def _task_frame(
    cutoff: datetime, features: pd.DataFrame, known: "dict[str, pd.Series[float]]"
) -> TaskFrame:
    ids = features.index[features.index.isin(np.concatenate([one.index for one in known.values()]))]
    index = pd.MultiIndex.from_product([[cutoff], ids], names=["cutoff", "customer_id"])
    targets = pd.DataFrame({key: one.reindex(ids) for key, one in known.items()})
    return TaskFrame(features.loc[ids].set_axis(index), targets.set_axis(index))
