"""Running scorers: their whole population is scored and published, or nothing is."""

from dataclasses import asdict
from datetime import datetime

import numpy as np
import pandas as pd

from lifecycle_engine.core.jobs import JobHandle, job_run
from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.models import ScorerMode
from lifecycle_engine.scoring.publishing import Published, recommendations_publish, scores_publish
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.selectors import model_champion, scorer_mode
from lifecycle_engine.scoring.training import PLACES, outputs_checked, ranking_checked
from lifecycle_engine.scoring.turns import scorer_turn
from lifecycle_engine.sdk.scorers import RankingScorer, Scorer

#: Customers per call of ``predict`` or ``recommend``: bounds memory and paces the progress.
BATCH = 20_000


def scorer_run(*, scorer_key: str, as_of: datetime) -> Published:
    """Score the scorer's whole population with its champion and publish the results.

    All results appear at once or none do. Of a scorer in shadow mode everything is computed and
    checked, but nothing is published.

    Raises:
        ModelMissingError: the scorer was never trained.
        ScorerOutputError: the scorer broke a promise; nothing is published.
        ScorerBusyError: another worker trains or runs the scorer.
        ScorerOffError: staff have switched it off.
    """
    with scorer_turn(scorer_key), job_run("scoring.run", subject=scorer_key) as job:
        version = model_champion(scorer_key=scorer_key)
        scorer = scorer_restored(version=version)
        excluded = profiling_objectors(at=None)
        live = scorer_mode(scorer_key=scorer_key) is ScorerMode.LIVE
        if isinstance(scorer, Scorer):
            values = _predicted(scorer, as_of, excluded, job)
            result = (
                scores_publish(version=version, as_of=as_of, values=values)
                if live
                else Published(customers=len(values), written=0, withdrawn=0)
            )
        else:
            assert isinstance(scorer, RankingScorer)  # noqa: S101 - the registry knows no third.
            ranking = _recommended(scorer, as_of, excluded, job)
            result = (
                recommendations_publish(version=version, as_of=as_of, ranking=ranking)
                if live
                else Published(customers=len(ranking), written=0, withdrawn=0)
            )
        job.result(model=version.number, **asdict(result))
        return result


def _predicted(
    scorer: Scorer, as_of: datetime, excluded: set[int], job: JobHandle
) -> "pd.Series[float]":
    frame = datasets.feature_frame(scorer, as_of=as_of, excluded=excluded)
    parts = []
    for start in range(0, len(frame), BATCH):
        batch = frame.iloc[start : start + BATCH]
        parts.append(outputs_checked(scorer, batch, scorer.predict))
        job.progress(start + len(batch), len(frame), "customers")
    return pd.concat(parts) if parts else pd.Series(dtype=float, index=frame.index)


def _recommended(
    scorer: RankingScorer, as_of: datetime, excluded: set[int], job: JobHandle
) -> pd.DataFrame:
    with datasets.history(as_of=as_of, excluded=excluded) as tables:
        everybody = datasets.buyers(tables)
        parts = []
        for ids in np.split(everybody, range(BATCH, len(everybody), BATCH)):
            ranking = scorer.recommend(tables, customer_ids=ids, k=PLACES)
            parts.append(ranking_checked(scorer, ranking))
        job.progress(len(everybody), len(everybody), "customers")
    return pd.concat(parts)
