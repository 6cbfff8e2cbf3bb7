"""Judging what a model, and the champion, said as of a month's beginning by what came true then."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.cards.building import Judged
from lifecycle_engine.scoring.measures import metrics_for
from lifecycle_engine.scoring.metrics import (
    Comparison,
    compared,
    comparisons,
)
from lifecycle_engine.scoring.promises import said_checked
from lifecycle_engine.scoring.rankings import Bought
from lifecycle_engine.scoring.timelines import windows_ahead
from lifecycle_engine.scoring.training import Frames
from lifecycle_engine.sdk.scorers import BaseScorer, Classes, RankingScorer, Scorer


@dataclass(frozen=True)
class Asked:
    """What is to be judged.

    Attributes:
        scorer: the month's new model.
        champion: the one that scores, which may be the same.
        as_of: the moment of the scores.
        excluded: customers who are left out.
        share: of probabilities, the share of customers that is called.
        seed: of the resamples.
    """

    scorer: BaseScorer
    champion: BaseScorer
    as_of: datetime
    excluded: Collection[int]
    share: float | None
    seed: int

    @property
    def rng(self) -> np.random.Generator:
        """The same for each comparison, so that all are on the same resamples."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True)
class Judgement:
    """What came of it.

    Attributes:
        customers: how many were judged.
        target_mean: what came true on average; None for rankings and classes.
        metrics: the new model beside the baseline; the first decides.
        champion: the champion beside the same baseline, in the metric that decides.
    """

    customers: int
    target_mean: float | None
    metrics: dict[str, Comparison]
    champion: Comparison


def judge(asked: Asked, *, frames: Frames) -> Judgement | None:
    """Judge by the windows from ``as_of`` on; None where nobody's outcome differs.

    Raises:
        ScorerOutputError: a scorer broke a promise.
    """
    if isinstance(asked.scorer, RankingScorer):
        return _judge_ranking(asked, asked.scorer)
    assert isinstance(asked.scorer, Scorer)  # noqa: S101 - the registry knows no third.
    return _judge_scores(asked, asked.scorer, frames)


def _judge_scores(asked: Asked, scorer: Scorer, frames: Frames) -> Judgement | None:
    cutoffs = windows_ahead(scorer, as_of=asked.as_of)
    parts = frames(scorer, cutoffs=cutoffs, excluded=asked.excluded)
    part = datasets.stacked([parts[cutoff] for cutoff in cutoffs])
    if part.target.nunique() < 2:
        return None
    judged = Judged.of(scorer, part)
    target, baseline = judged.target, judged.baseline
    found = comparisons(
        scorer.output,
        target=target,
        model=judged.model,
        baseline=baseline,
        rng=asked.rng,
        share=asked.share,
        customers=judged.customers,
    )
    name, metric = next(iter(metrics_for(scorer.output).items()))
    champion = found[name]
    if asked.champion is not scorer:
        assert isinstance(asked.champion, Scorer)  # noqa: S101 - both are of one key.
        said = said_checked(asked.champion, part.frame)
        both = {"target": target, "model": said, "baseline": baseline}
        whose = judged.customers
        champion = compared({name: metric}, **both, rng=asked.rng, customers=whose)[name]
    mean = None if isinstance(scorer.output, Classes) else float(target.mean())
    return Judgement(len(np.unique(judged.customers)), mean, found, champion)


def _judge_ranking(asked: Asked, scorer: RankingScorer) -> Judgement | None:
    end = asked.as_of + timedelta(days=scorer.horizon_days)
    with datasets.history(as_of=asked.as_of, excluded=asked.excluded) as past:
        customers = datasets.bought_again(past, end=end, excluded=asked.excluded)
    if not customers:
        return None
    bought = Bought(asked.as_of, customers, asked.excluded)
    said, baseline = bought.ranked_beside(scorer)
    found = older = bought.compared(said, baseline, seed=asked.seed)
    if asked.champion is not scorer:
        assert isinstance(asked.champion, RankingScorer)  # noqa: S101 - both are of one key.
        older = bought.compared(bought.ranked(asked.champion), baseline, seed=asked.seed)
    return Judgement(len(customers), None, found, next(iter(older.values())))
