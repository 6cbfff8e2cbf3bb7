"""Fitting the model that several tasks share, once, and judging each of them for itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.scoring.errors import TrainingDataError
from lifecycle_engine.scoring.task_frames import TaskFrame, stacked, task_frames
from lifecycle_engine.scoring.timelines import Timeline, rows_check, timeline
from lifecycle_engine.scoring.trained import Assessed, Clock, Trained
from lifecycle_engine.sdk.scorers import Progress, no_progress
from lifecycle_engine.sdk.tasks import TaskScorer


@dataclass(frozen=True)
class TaskFits:
    """What came of a shared training.

    Attributes:
        trained: by key, the tasks that were trained.
        refused: by key, the tasks that had too little data, and were left out.
    """

    trained: Mapping[str, Trained]
    refused: Mapping[str, TrainingDataError]

    def of(self, key: str) -> Trained:
        """What came of one task.

        Raises:
            TrainingDataError: it had too little data.
        """
        if key in self.refused:
            raise self.refused[key]
        return self.trained[key]


def tasks_fit(
    tasks: Sequence[TaskScorer],
    *,
    as_of: datetime,
    excluded: Collection[int],
    seed: int,
    progress: Progress = no_progress,
    folder: str = "models",
    details: bool = True,
    versioned: Collection[str] = (),
) -> TaskFits:
    """Fit the model that the tasks share on everything before ``as_of``.

    As ``training.scorer_fit``, with one fit for all where that has one. Each task is judged on its
    own customers of the window that judges. One with too little data is left out, and the others
    are trained without it.

    Args:
        tasks: they share one model (``tasks_beside``); afterwards it is the one for use.
        as_of: nothing later is seen.
        excluded: customers who are left out.
        seed: of all that is drawn.
        progress: is told how far a fit is.
        folder: in storage, for the models that are judged.
        details: whether the cards get more than the metrics.
        versioned: keys of tasks that have a version of this training already. Where the others are
            refused nothing is trained.

    Raises:
        ScorerOutputError: a task broke a promise.
    """
    return _TaskFit(
        list(tasks),
        as_of=as_of,
        excluded=excluded,
        seed=seed,
        progress=progress,
        folder=folder,
        details=details,
        versioned=versioned,
    ).run()


@dataclass
class _TaskFit:
    tasks: list[TaskScorer]
    as_of: datetime
    excluded: Collection[int]
    seed: int
    progress: Progress
    folder: str
    details: bool
    versioned: Collection[str]

    def run(self) -> TaskFits:
        self.refused: dict[str, TrainingDataError] = {}
        clock = Clock()
        dates = self._timeline()
        if dates is None:
            return TaskFits({}, self.refused)
        parts = self._parts(dates)
        if all(task.key in self.versioned for task in self.tasks):
            return TaskFits({}, self.refused)
        clock.lap("features")
        choice = _rows(parts, dates.choice) if dates.choice else None
        if choice is not None:
            self._fit(parts, dates.past, validation=choice)
            clock.lap("choosing")
        learned = self._fit(parts, dates.before)
        clock.lap("fit to be judged")
        judged = _rows(parts, dates.judged)
        assessed = [self._assessed(task, judged, learned) for task in self.tasks]
        clock.lap("judging")
        everything = self._fit(parts, dates.everything)
        clock.lap("fit for use")
        found = {
            one.scorer.key: one.trained(
                everything.part(one.scorer.key),
                choice=None if choice is None else choice.outcomes(one.scorer.key),
                learned=_known(parts, dates.before, one.scorer.key),
                clock=clock,
            )
            for one in assessed
        }
        return TaskFits(found, self.refused)

    def _timeline(self) -> Timeline | None:
        """The same for all tasks that have days enough; None where none has."""
        dates = None
        for task in list(self.tasks):
            try:
                dates = timeline(task, as_of=self.as_of)
            except TrainingDataError as error:
                self._refuse(task, error)
        return dates

    def _parts(self, dates: Timeline) -> dict[datetime, TaskFrame]:
        """The frames, of the tasks that have customers enough."""
        parts = task_frames(self.tasks, cutoffs=dates.cutoffs, excluded=self.excluded)
        for task in list(self.tasks):
            outcomes = {cutoff: part.outcomes(task.key) for cutoff, part in parts.items()}
            try:
                rows_check(task, dates, outcomes)
            except TrainingDataError as error:
                self._refuse(task, error)
        kept = [task.key for task in self.tasks]
        return {cutoff: part.of(kept) for cutoff, part in parts.items()} if kept else {}

    def _refuse(self, task: TaskScorer, error: TrainingDataError) -> None:
        self.refused[task.key] = error
        self.tasks.remove(task)

    @cached_property
    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def _fit(
        self,
        parts: Mapping[datetime, TaskFrame],
        cutoffs: Sequence[datetime],
        *,
        validation: TaskFrame | None = None,
    ) -> TaskFrame:
        rows = _rows(parts, cutoffs)
        self.tasks[0].shared.fit(
            rows.frame,
            rows.targets,
            outputs={task.key: task.output for task in self.tasks},
            validation=None if validation is None else (validation.frame, validation.targets),
            rng=self._rng,
            progress=self.progress,
        )
        return rows

    def _assessed(self, task: TaskScorer, window: TaskFrame, learned: TaskFrame) -> Assessed:
        return Assessed.of(
            task,
            window.part(task.key),
            learned=learned.part(task.key),
            seed=self.seed,
            details=self.details,
            folder=self.folder,
        )


def _rows(parts: Mapping[datetime, TaskFrame], cutoffs: Sequence[datetime]) -> TaskFrame:
    return stacked([parts[cutoff] for cutoff in cutoffs])


def _known(
    parts: Mapping[datetime, TaskFrame], cutoffs: Sequence[datetime], key: str
) -> list[LabelledFrame]:
    """A task's outcomes by cut-off date; of an older one nobody may be known."""
    found = [parts[cutoff].outcomes(key) for cutoff in cutoffs]
    return [part for part in found if len(part.target)]
