"""Fitting scorers on the past and judging them on the newest complete window, beside a baseline."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol

import numpy as np

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.clusters.fitting import clusters_fit
from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.scoring.rankings import ranking_fit
from lifecycle_engine.scoring.task_groups import task_keys, tasks_beside
from lifecycle_engine.scoring.task_training import tasks_fit
from lifecycle_engine.scoring.timelines import rows_check, timeline
from lifecycle_engine.scoring.trained import Assessed, Clock, Trained
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import (
    BaseScorer,
    Progress,
    RankingScorer,
    Scorer,
    no_progress,
)
from lifecycle_engine.sdk.tasks import TaskScorer


class Frames(Protocol):
    """Where labelled frames come from, as ``datasets.labelled_frames`` gives them."""

    def __call__(
        self, scorer: Scorer, *, cutoffs: Sequence[datetime], excluded: Collection[int]
    ) -> Mapping[datetime, LabelledFrame]:
        """Features as of each cut-off date beside what came true after it."""


def scorer_fit(
    scorer: BaseScorer,
    *,
    as_of: datetime,
    excluded: Collection[int],
    seed: int,
    progress: Progress = no_progress,
    frames: Frames = datasets.labelled_frames,
    folder: str = "models",
    details: bool = True,
) -> Trained:
    """Fit a scorer on everything before ``as_of``.

    It makes its choices on earlier windows, is fitted without the newest and judged on them, which
    nothing has seen before, then fitted again on everything. A task is fitted with all others of
    its model, whose frames are computed anew.

    Args:
        scorer: what is fitted; afterwards it is the model for use.
        as_of: nothing later is seen.
        excluded: customers who are left out.
        seed: of all that is drawn.
        progress: is told how far a fit is.
        frames: where the frames come from.
        folder: in storage, for the model that is judged.
        details: whether the card gets more than the metrics. They draw nothing that a fit uses.

    Raises:
        TrainingDataError: there is too little history.
    """
    if isinstance(scorer, ClusterScorer):
        return clusters_fit(scorer, as_of=as_of, excluded=excluded, seed=seed, progress=progress)
    if isinstance(scorer, TaskScorer):
        return tasks_fit(
            tasks_beside(scorer, task_keys(scorer)),
            as_of=as_of,
            excluded=excluded,
            seed=seed,
            progress=progress,
            folder=folder,
            details=details,
        ).of(scorer.key)
    if isinstance(scorer, Scorer):
        return _TabularFit(scorer, as_of, excluded, seed, progress, frames, folder, details).run()
    if isinstance(scorer, RankingScorer):
        return ranking_fit(
            scorer, as_of=as_of, excluded=excluded, seed=seed, progress=progress, folder=folder
        )
    raise TypeError(f"Scorer {scorer.key} is neither a Scorer nor a RankingScorer")


@dataclass
class _TabularFit:
    scorer: Scorer
    as_of: datetime
    excluded: Collection[int]
    seed: int
    progress: Progress
    frames: Frames
    folder: str
    details: bool

    def run(self) -> Trained:
        dates = timeline(self.scorer, as_of=self.as_of)
        clock = Clock()
        parts = self.frames(self.scorer, cutoffs=dates.cutoffs, excluded=self.excluded)
        rows_check(self.scorer, dates, parts)
        clock.lap("features")
        choice = _rows(parts, dates.choice) if dates.choice else None
        if choice is not None:
            self._fit(parts, dates.past, validation=choice)
            clock.lap("choosing")
        learned = self._fit(parts, dates.before)
        clock.lap("fit to be judged")
        assessed = Assessed.of(
            self.scorer,
            _rows(parts, dates.judged),
            learned=learned,
            seed=self.seed,
            details=self.details,
            folder=self.folder,
        )
        clock.lap("judging")
        everything = self._fit(parts, dates.everything)
        clock.lap("fit for use")
        return assessed.trained(
            everything,
            choice=choice,
            learned=[parts[cutoff] for cutoff in dates.before],
            clock=clock,
        )

    @cached_property
    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def _fit(
        self,
        parts: Mapping[datetime, LabelledFrame],
        cutoffs: Sequence[datetime],
        *,
        validation: LabelledFrame | None = None,
    ) -> LabelledFrame:
        rows = _rows(parts, cutoffs)
        self.scorer.fit(
            rows.frame,
            rows.learned,
            validation=None if validation is None else (validation.frame, validation.learned),
            rng=self._rng,
            progress=self.progress,
        )
        return rows


def _rows(parts: Mapping[datetime, LabelledFrame], cutoffs: Sequence[datetime]) -> LabelledFrame:
    return datasets.stacked([parts[cutoff] for cutoff in cutoffs])
