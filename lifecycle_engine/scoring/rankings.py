"""Rankings of products beside what customers bought then: fitting, judging and comparing them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.artefacts import artefact_save
from lifecycle_engine.scoring.errors import Need, TrainingDataError
from lifecycle_engine.scoring.metrics import Comparison, ranking_comparisons
from lifecycle_engine.scoring.promises import PLACES, ranking_checked
from lifecycle_engine.scoring.timelines import days_check
from lifecycle_engine.scoring.trained import Trained
from lifecycle_engine.sdk.scorers import Progress, RankingScorer
from lifecycle_engine.sdk.tables import Tables


@dataclass(frozen=True)
class Bought:
    """What customers bought from a moment on, by which rankings as of it are judged.

    Attributes:
        as_of: rankings know nothing later.
        customers: what each bought.
        excluded: customers whose history no ranking sees.
    """

    as_of: datetime
    customers: Mapping[int, set[str]]
    excluded: Collection[int]

    def ranked(self, scorer: RankingScorer) -> pd.DataFrame:
        """What a scorer that has not seen it would have recommended to these customers.

        Raises:
            ScorerOutputError: the scorer broke a promise.
        """
        with datasets.history(as_of=self.as_of, excluded=self.excluded) as past:
            return self._said(scorer, scorer.recommend, past)

    def ranked_beside(self, scorer: RankingScorer) -> tuple[pd.DataFrame, pd.DataFrame]:
        """What it would have recommended, and what its baseline.

        Raises:
            ScorerOutputError: the scorer broke a promise.
        """
        with datasets.history(as_of=self.as_of, excluded=self.excluded) as past:
            model, baseline = (
                self._said(scorer, says, past) for says in (scorer.recommend, scorer.baseline)
            )
        return model, baseline

    def _said(
        self, scorer: RankingScorer, says: Callable[..., pd.DataFrame], past: Tables
    ) -> pd.DataFrame:
        ids = np.fromiter(self.customers, dtype=np.int64)
        return ranking_checked(scorer, says(past, customer_ids=ids, k=PLACES))

    def compared(
        self, model: pd.DataFrame, baseline: pd.DataFrame, *, seed: int
    ) -> dict[str, Comparison]:
        """Both rankings by all metrics, on the same resamples; the first decides."""
        return ranking_comparisons(
            bought=self.customers,
            model=model,
            baseline=baseline,
            k=PLACES,
            rng=np.random.default_rng(seed),
        )


@dataclass(frozen=True)
class JudgedRanking:
    """What a model recommended, beside what was bought."""

    bought: Bought
    model: pd.DataFrame

    @property
    def began(self) -> datetime:
        """The model has seen nothing from then on."""
        return self.bought.as_of

    def beside(self, scorer: RankingScorer, *, seed: int) -> Comparison:
        """The metric that decides, of this model beside another that has not seen it either.

        Raises:
            ScorerOutputError: the other one broke a promise.
        """
        found = self.bought.compared(self.model, self.bought.ranked(scorer), seed=seed)
        return next(iter(found.values()))


def ranking_fit(
    scorer: RankingScorer,
    *,
    as_of: datetime,
    excluded: Collection[int],
    seed: int,
    progress: Progress,
    folder: str,
) -> Trained:
    """Fit a ranking without the newest window, judge it there, then fit it on everything.

    Raises:
        TrainingDataError: history is too short, or too few customers bought again.
    """
    days_check(scorer, as_of=as_of)
    cutoff = as_of - timedelta(days=scorer.horizon_days)
    rng = np.random.default_rng(seed)
    with datasets.history(as_of=cutoff, excluded=excluded) as past:
        again = datasets.bought_again(past, end=as_of, excluded=excluded)
        if len(again) < max(scorer.minimum.customers, 1):
            need = Need("customers", max(scorer.minimum.customers, 1), len(again))
            raise TrainingDataError.of_needs(scorer.key, [need])
        scorer.fit(past, as_of=cutoff, rng=rng, progress=progress)
    bought = Bought(cutoff, again, excluded)
    model, baseline = bought.ranked_beside(scorer)
    found = bought.compared(model, baseline, seed=seed)
    card = {
        "validation": {
            "from": cutoff.isoformat(),
            "until": as_of.isoformat(),
            "rows": len(again),
            "metrics": {name: one.as_json() for name, one in found.items()},
        },
        "report": scorer.report(),
    }
    # Stored now: the next fit may change what the state refers to.
    held = artefact_save(folder=f"{folder}/{scorer.key}", state=scorer.state())
    with datasets.history(as_of=as_of, excluded=excluded) as everything:
        rows = len(datasets.buyers(everything))
        scorer.fit(everything, as_of=as_of, rng=rng, progress=progress)
    judged = JudgedRanking(bought, model)
    return Trained(rows=rows, comparisons=found, card=card, judged=judged, held=held)
