"""Fitting scorers on the past and judging them on the newest complete window, beside a baseline."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from time import perf_counter, process_time
from typing import Any, Protocol

import numpy as np

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.artefacts import Artefact, artefact_save
from lifecycle_engine.scoring.cards.building import Judged, quality, single_features, window
from lifecycle_engine.scoring.cards.drift import reference
from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.scoring.errors import Need, TrainingDataError
from lifecycle_engine.scoring.metrics import Comparison, ranking_comparisons
from lifecycle_engine.scoring.promises import PLACES, outputs_checked, ranking_checked
from lifecycle_engine.scoring.timelines import days_check, rows_check, timeline
from lifecycle_engine.sdk.scorers import (
    BaseScorer,
    Progress,
    RankingScorer,
    Scorer,
    no_progress,
)


@dataclass(frozen=True)
class Trained:
    """A fitted scorer with what its card says.

    Attributes:
        rows: how many rows the final fit learned from.
        comparisons: the metrics on the validation window; the first decides.
        card: the rest of the model card.
        judged: what the model said of the window that judged it; None of a ranking.
        held: the artefact of the model that was judged, which has not seen that window.
    """

    rows: int
    comparisons: dict[str, Comparison]
    card: dict[str, Any] = field(default_factory=dict)
    judged: Judged | None = None
    held: Artefact | None = None

    @property
    def better(self) -> bool:
        """Whether the model beats its baseline in the metric that decides."""
        return next(iter(self.comparisons.values())).better


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

    It makes its choices on an earlier window, is fitted without the last ``horizon_days`` and
    judged on them, which nothing has seen before, then fitted again on everything.

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
    if isinstance(scorer, Scorer):
        return _TabularFit(
            scorer,
            as_of=as_of,
            excluded=excluded,
            seed=seed,
            progress=progress,
            frames=frames,
            folder=folder,
            details=details,
        ).run()
    if isinstance(scorer, RankingScorer):
        return _ranking_fit(scorer, as_of=as_of, excluded=excluded, seed=seed, progress=progress)
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
        clock = _Clock()
        parts = self.frames(self.scorer, cutoffs=dates.cutoffs, excluded=self.excluded)
        rows_check(self.scorer, dates, parts)
        clock.lap("features")
        if dates.choice is not None:
            self._fit(parts, dates.past, validation=parts[dates.choice])
            clock.lap("choosing")
        learned = self._fit(parts, dates.before)
        clock.lap("fit to be judged")
        judged = Judged.of(self.scorer, parts[dates.judged])
        found = quality(self.scorer, judged, learned=learned, seed=self.seed, details=self.details)
        clock.lap("judging")
        part = judged.part
        report = self.scorer.report() | self.scorer.report_judged(part.frame, part.learned)
        # Stored now: the next fit may change what the state refers to.
        folder = f"{self.folder}/{self.scorer.key}"
        held = artefact_save(folder=folder, state=self.scorer.state())
        scores = judged.model
        if self.scorer.is_judged_apart():
            scores = outputs_checked(self.scorer, judged.part.frame, self.scorer.predict).to_numpy()
        everything = self._fit(parts, dates.everything).frame
        rows = len(everything)
        clock.lap("fit for use")
        choice = None if dates.choice is None else window(self.scorer, parts[dates.choice])
        card = {
            "validation": found.validation,
            "choice": choice,
            "training": [window(self.scorer, parts[cutoff]) for cutoff in dates.before],
            "gap_days": self.scorer.horizon_days,
            "report": report,
            "cost": clock.as_json(),
            "reference": reference(everything[single_features(self.scorer)], scores),
            **found.more,
        }
        return Trained(rows, found.comparisons, card, judged=judged, held=held)

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
        rows = datasets.stacked([parts[cutoff] for cutoff in cutoffs])
        self.scorer.fit(
            rows.frame,
            rows.learned,
            validation=None if validation is None else (validation.frame, validation.learned),
            rng=self._rng,
            progress=self.progress,
        )
        return rows


class _Clock:
    """What each step costs, in seconds of this process on its processors and on the wall."""

    def __init__(self) -> None:
        self._last = (process_time(), perf_counter())
        self._laps: list[dict[str, Any]] = []

    def lap(self, step: str) -> None:
        now = (process_time(), perf_counter())
        busy, passed = (after - before for before, after in zip(self._last, now, strict=True))
        self._laps.append({"step": step, "processor": round(busy, 3), "wall": round(passed, 3)})
        self._last = now

    def as_json(self) -> list[dict[str, Any]]:
        return self._laps


def _ranking_fit(
    scorer: RankingScorer,
    *,
    as_of: datetime,
    excluded: Collection[int],
    seed: int,
    progress: Progress,
) -> Trained:
    days_check(scorer, as_of=as_of)
    cutoff = as_of - timedelta(days=scorer.horizon_days)
    rng = np.random.default_rng(seed)
    with datasets.history(as_of=cutoff, excluded=excluded) as past:
        judged = datasets.bought_again(past, end=as_of, excluded=excluded)
        if len(judged) < max(scorer.minimum.customers, 1):
            need = Need("customers", max(scorer.minimum.customers, 1), len(judged))
            raise TrainingDataError.of_needs(scorer.key, [need])
        scorer.fit(past, as_of=cutoff, rng=rng, progress=progress)
        ids = np.fromiter(judged, dtype=np.int64)
        found = ranking_comparisons(
            bought=judged,
            model=ranking_checked(scorer, scorer.recommend(past, customer_ids=ids, k=PLACES)),
            baseline=ranking_checked(scorer, scorer.baseline(past, customer_ids=ids, k=PLACES)),
            k=PLACES,
            rng=np.random.default_rng(seed),
        )
    card = {
        "validation": {
            "from": cutoff.isoformat(),
            "until": as_of.isoformat(),
            "rows": len(judged),
            "metrics": _as_json(found),
        },
        "report": scorer.report(),
    }
    with datasets.history(as_of=as_of, excluded=excluded) as everything:
        rows = len(datasets.buyers(everything))
        scorer.fit(everything, as_of=as_of, rng=rng, progress=progress)
    return Trained(rows=rows, comparisons=found, card=card)


def _as_json(found: dict[str, Comparison]) -> dict[str, Any]:
    return {name: comparison.as_json() for name, comparison in found.items()}
