"""Fitting scorers on the past and judging them on the newest complete window, beside a baseline."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.scoring.errors import Need, ScorerOutputError, TrainingDataError
from lifecycle_engine.scoring.metrics import Comparison, comparisons, ranking_comparisons
from lifecycle_engine.scoring.timelines import days_check, rows_check, timeline
from lifecycle_engine.sdk.scorers import (
    RANKING_COLUMNS,
    BaseScorer,
    Probability,
    Progress,
    RankingScorer,
    Scorer,
    no_progress,
)

#: How many products are recommended, and how many places of a ranking are judged.
PLACES = 10


@dataclass(frozen=True)
class Trained:
    """A fitted scorer with what its card says.

    Attributes:
        rows: how many rows the final fit learned from.
        comparisons: the metrics on the validation window; the first decides.
        card: the rest of the model card.
    """

    rows: int
    comparisons: dict[str, Comparison]
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def better(self) -> bool:
        """Whether the model beats its baseline in the metric that decides."""
        return next(iter(self.comparisons.values())).better


def scorer_fit(
    scorer: BaseScorer,
    *,
    as_of: datetime,
    excluded: Collection[int],
    seed: int,
    progress: Progress = no_progress,
) -> Trained:
    """Fit a scorer on everything before ``as_of``.

    It makes its choices on an earlier window, is fitted without the last ``horizon_days`` and
    judged on them, which nothing has seen before, then fitted again on everything.

    Raises:
        TrainingDataError: there is too little history.
    """
    if isinstance(scorer, Scorer):
        fit = _TabularFit(scorer, as_of=as_of, excluded=excluded, seed=seed, progress=progress)
        return fit.run()
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

    def run(self) -> Trained:
        dates = timeline(self.scorer, as_of=self.as_of)
        parts = datasets.labelled_frames(self.scorer, cutoffs=dates.cutoffs, excluded=self.excluded)
        rows_check(self.scorer, dates, parts)
        if dates.choice is not None:
            self._fit(parts, dates.past, validation=parts[dates.choice])
        self._fit(parts, dates.before)
        judged = parts[dates.judged]
        found = self._judge(judged)
        card = {
            "validation": self._window(judged) | {"metrics": _as_json(found)},
            "choice": None if dates.choice is None else self._window(parts[dates.choice]),
            "training": [self._window(parts[cutoff]) for cutoff in dates.before],
            "gap_days": self.scorer.horizon_days,
            "report": self.scorer.report(),
        }
        self._fit(parts, dates.everything)
        rows = sum(len(parts[cutoff].frame) for cutoff in dates.everything)
        return Trained(rows=rows, comparisons=found, card=card)

    @cached_property
    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def _fit(
        self,
        parts: Mapping[datetime, LabelledFrame],
        cutoffs: Sequence[datetime],
        *,
        validation: LabelledFrame | None = None,
    ) -> None:
        rows = datasets.stacked([parts[cutoff] for cutoff in cutoffs])
        self.scorer.fit(
            rows.frame,
            rows.target,
            validation=None if validation is None else (validation.frame, validation.target),
            rng=self._rng,
            progress=self.progress,
        )

    def _judge(self, judged: LabelledFrame) -> dict[str, Comparison]:
        frame, output = judged.frame, self.scorer.output
        return comparisons(
            output,
            target=judged.target.to_numpy(),
            model=outputs_checked(self.scorer, frame, self.scorer.judged).to_numpy(),
            baseline=outputs_checked(self.scorer, frame, self.scorer.baseline).to_numpy(),
            rng=np.random.default_rng(self.seed),
        )

    def _window(self, part: LabelledFrame) -> dict[str, Any]:
        start: datetime = part.frame.index[0][0]
        return {
            "from": start.isoformat(),
            "until": (start + timedelta(days=self.scorer.horizon_days)).isoformat(),
            "rows": len(part.frame),
            "target_mean": float(part.target.mean()),
        }


def outputs_checked(
    scorer: Scorer, frame: pd.DataFrame, method: Callable[[pd.DataFrame], Any]
) -> "pd.Series[float]":
    """The output of ``predict`` or ``baseline``, if it keeps the scorer's promises.

    Raises:
        ScorerOutputError: it has another index, a NaN, or a value out of bounds.
    """
    found = method(frame)
    if not isinstance(found, pd.Series) or not found.index.equals(frame.index):
        raise ScorerOutputError(
            f"Scorer {scorer.key} did not return a series with the frame's index"
        )
    values = found.to_numpy(float)
    highest = 1.0 if isinstance(scorer.output, Probability) else np.inf
    wrong = ~(np.isfinite(values) & (values >= 0) & (values <= highest))
    if wrong.any():
        raise ScorerOutputError(
            f"Scorer {scorer.key} gave {values[wrong][0]} to customer {found.index[wrong][0]}, "
            f"not a number from 0 to {highest:g}"
        )
    return found.astype(float)


def ranking_checked(scorer: RankingScorer, ranking: Any) -> pd.DataFrame:
    """A ranking, if it has the promised form.

    Raises:
        ScorerOutputError: a column is missing, a score is no number, or a customer has a product
            or a rank twice.
    """
    if not isinstance(ranking, pd.DataFrame) or not {*RANKING_COLUMNS} <= {*ranking.columns}:
        raise ScorerOutputError(f"Scorer {scorer.key} did not return columns {RANKING_COLUMNS}")
    if not np.isfinite(ranking["score"].to_numpy(float)).all():
        raise ScorerOutputError(f"Scorer {scorer.key} gave a score that is no number")
    for column in ("rank", "sku"):
        twice = ranking.duplicated(["customer_id", column])
        if twice.any():
            customer_id, value = ranking.loc[twice, ["customer_id", column]].iloc[0]
            raise ScorerOutputError(
                f"Scorer {scorer.key} gave customer {customer_id} the {column} {value} twice"
            )
    return ranking


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
    bought = datasets.purchases(start=cutoff, end=as_of, excluded=excluded)
    with datasets.history(as_of=cutoff, excluded=excluded) as past:
        known = datasets.buyers(past)
        judged = {
            customer_id: bought[customer_id] for customer_id in known if customer_id in bought
        }
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
