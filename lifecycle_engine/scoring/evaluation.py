"""Judging published scores by what came true: the scores as staff saw them, not predicted again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.errors import OutcomeWindowError
from lifecycle_engine.scoring.metrics import Comparison, comparisons, ranking_comparisons
from lifecycle_engine.scoring.models import ModelVersion
from lifecycle_engine.scoring.monitoring.uses import use_newest
from lifecycle_engine.scoring.promises import PLACES, ranking_checked, said_checked
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import RankingScorer, Scorer, scorers
from lifecycle_engine.warehouse.session import warehouse_session


@dataclass(frozen=True)
class Evaluation:
    """How good the scores published as of ``start`` were.

    Attributes:
        scorer_key: the scorer.
        model_version_id: the model whose scores they were.
        start: first moment of the outcome window.
        end: first moment after it.
        customers: how many customers were judged.
        metrics: each metric beside the baseline's; the first is the one that decides.
        total_ratio: predicted total by actual total, for amounts and probabilities.
    """

    scorer_key: str
    model_version_id: int
    start: datetime
    end: datetime
    customers: int
    metrics: dict[str, Comparison]
    total_ratio: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For model cards and reports."""
        return {
            "from": self.start.isoformat(),
            "until": self.end.isoformat(),
            "rows": self.customers,
            "metrics": {name: metric.as_json() for name, metric in self.metrics.items()},
            "total_ratio": self.total_ratio,
        }


def model_evaluate(*, scorer_key: str, as_of: datetime) -> Evaluation:
    """Judge what the scorer published as of a moment by its ``horizon_days`` from there on.

    The result is also kept in the model's card, under ``outcome``.

    Raises:
        OutcomeWindowError: nothing was published as of then, nobody bought in the window, or the
            scorer finds groups, of which nothing comes true.
    """
    found = _published(scorer_key, as_of)
    version = ModelVersion.objects.get(pk=int(found["model_version_id"].iloc[0]))
    scorer = scorer_restored(version=version)
    if isinstance(scorer, RankingScorer):
        evaluation = _judge_ranking(scorer, version, as_of, found)
    elif isinstance(scorer, ClusterScorer):
        raise OutcomeWindowError(f"Scorer {scorer_key} finds groups: nothing comes true of them")
    else:
        assert isinstance(scorer, Scorer)  # noqa: S101 - the registry knows no third.
        evaluation = _judge_scores(scorer, version, as_of, found)
    version.card["outcome"] = evaluation.as_json()
    version.save(update_fields=["card"])
    return evaluation


def _published(scorer_key: str, as_of: datetime) -> pd.DataFrame:
    ranking = issubclass(scorers.get(scorer_key), RankingScorer)
    with warehouse_session(as_of=as_of) as tables:
        rows = tables["recommendations" if ranking else "scores"]
        chosen = rows.filter(
            rows.scorer_key == scorer_key, rows.as_of == ibis.literal(as_of, rows.as_of.type())
        )
        order = ["customer_id", "rank"] if ranking else ["customer_id"]
        found = tables.execute(chosen.order_by(order)).to_pandas()
    if found.empty:
        raise OutcomeWindowError(f"Scorer {scorer_key} published nothing as of {as_of}")
    return found


def _judge_scores(
    scorer: Scorer, version: ModelVersion, as_of: datetime, found: pd.DataFrame
) -> Evaluation:
    end = as_of + timedelta(days=scorer.horizon_days)
    published = found.set_index("customer_id")["value"]
    customer_ids = {as_of: published.index.to_numpy()}
    target = datasets.outcomes(scorer, customer_ids=customer_ids)[as_of]
    published = published.loc[target.index]
    frame = datasets.feature_frame(scorer, as_of=as_of).reindex(published.index)
    if target.nunique() < 2:
        raise OutcomeWindowError(
            f"Scorer {scorer.key}: all outcomes from {as_of} to {end} are {target.max():g}"
        )
    # The model is judged, also where its baseline was published in its place.
    stood_in = use_newest(scorer_key=scorer.key, as_of=as_of) is Use.BASELINE
    classes = isinstance(scorer, ClassScorer)
    again = stood_in or scorer.is_judged_apart() or classes
    said = said_checked(scorer, frame) if again else published.to_numpy()
    return Evaluation(
        scorer_key=scorer.key,
        model_version_id=version.pk,
        start=as_of,
        end=end,
        customers=len(target),
        metrics=comparisons(
            scorer.output,
            target=target.to_numpy(),
            model=said,
            baseline=said_checked(scorer, frame, baseline=True),
            rng=np.random.default_rng(version.pk),
            share=_share_called(version),
        ),
        total_ratio=None if classes else float(said.sum() / target.sum()),
    )


def _share_called(version: ModelVersion) -> float | None:
    """The share of customers that the model's card calls; None for amounts."""
    threshold = version.card.get("validation", {}).get("threshold")
    return None if threshold is None else float(threshold["share"])


def _judge_ranking(
    scorer: RankingScorer, version: ModelVersion, as_of: datetime, found: pd.DataFrame
) -> Evaluation:
    end = as_of + timedelta(days=scorer.horizon_days)
    everything = datasets.purchases(start=as_of, end=end, excluded=())
    known = found["customer_id"].unique()
    bought = {
        customer_id: everything[customer_id] for customer_id in known if customer_id in everything
    }
    if not bought:
        raise OutcomeWindowError(f"Scorer {scorer.key}: nobody bought from {as_of} to {end}")
    ids = np.fromiter(bought, dtype=np.int64)
    # As for what was published.
    with datasets.history(as_of=as_of, excluded=(), stock=True) as tables:
        baseline = ranking_checked(scorer, scorer.baseline(tables, customer_ids=ids, k=PLACES))
        if use_newest(scorer_key=scorer.key, as_of=as_of) is Use.BASELINE:
            found = ranking_checked(scorer, scorer.recommend(tables, customer_ids=ids, k=PLACES))
    return Evaluation(
        scorer_key=scorer.key,
        model_version_id=version.pk,
        start=as_of,
        end=end,
        customers=len(bought),
        metrics=ranking_comparisons(
            bought=bought,
            model=found,
            baseline=baseline,
            k=PLACES,
            rng=np.random.default_rng(version.pk),
        ),
    )
