"""What a run said beside what came true: once its horizon is over."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from django.db.models import F
from numpy.typing import NDArray

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.cards.curves import calibration_curve
from lifecycle_engine.scoring.measures import Floats, metrics_for, total_ratio
from lifecycle_engine.scoring.metrics import compared
from lifecycle_engine.scoring.promises import said_checked
from lifecycle_engine.scoring.rankings import Bought
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.scorers import BaseScorer, Classes, RankingScorer, Scorer

Ids: TypeAlias = NDArray[np.int64]

#: Customers who are judged at most; the intervals say what that leaves open.
JUDGED_MOST = 20_000
#: Fewer customers, or fewer of one outcome, than this say nothing about a model.
ROWS_LEAST, OUTCOMES_LEAST = 100, 15


@dataclass(frozen=True)
class Past:
    """What a run said of customers, beside what came true of them.

    Attributes:
        ids: the customers, ascending, (customers,).
        target: what came true, (customers,).
        said: what the run's model said of it; of classes (customers, numbers).
        baseline: what its baseline said.
    """

    ids: Ids
    target: Floats
    said: Floats
    baseline: Floats


def outcome_figures(run: ScoringRun) -> dict[str, Any]:
    """The metric that decides beside the baseline's, with 95 % intervals, and the calibration.

    Scores are taken as they were published, from their history. What a model is judged by instead
    (``Scorer.judged``), its baseline, what was never published, and rankings, which have no
    history, are made again by the stored model from what is known now of then. Of a run that says
    nothing ``metric`` is None.
    """
    scorer = scorer_restored(version=run.model_version)
    if isinstance(scorer, RankingScorer):
        return window_of(run, scorer) | _ranking_figures(run, scorer)
    assert isinstance(scorer, Scorer)  # noqa: S101 - the registry knows no third.
    customers, past = run_past(run, scorer)
    if past is None:
        return window_of(run, scorer) | {"customers": customers, "metric": None}
    return window_of(run, scorer) | _judged(run, scorer, past)


def window_of(run: ScoringRun, scorer: BaseScorer) -> dict[str, str]:
    """From when to when the outcomes of a run's scores happen."""
    until = run.as_of + timedelta(days=scorer.horizon_days)
    return {"from": run.as_of.isoformat(), "until": until.isoformat()}


def run_past(run: ScoringRun, scorer: Scorer) -> tuple[int, Past | None]:
    """How many customers a run can be judged on, and what it said of them; None where too few.

    Args:
        run: its horizon is over.
        scorer: its model.
    """
    objectors = profiling_objectors(at=None)
    published = run.state == RunState.PUBLISHED and run.use == Use.MODEL
    said = _said(run) if published else None
    chosen = _sampled(run) if said is None else said.index.tolist()
    frame = datasets.feature_frame(scorer, as_of=run.as_of, excluded=objectors, only=chosen or [0])
    if said is not None:
        frame = frame.loc[frame.index.isin(said.dropna().index)]
    ids = {run.as_of: frame.index.to_numpy()}
    outcome = datasets.outcomes(scorer, customer_ids=ids)[run.as_of]
    frame = frame.loc[outcome.index]
    if len(frame) < ROWS_LEAST:
        return len(frame), None
    target = outcome.to_numpy(np.float64)
    if _differing(scorer, target) < OUTCOMES_LEAST:
        return len(frame), None
    # Of classes probabilities are judged, and what was published are numbers.
    again = said is None or scorer.is_judged_apart() or isinstance(scorer, ClassScorer)
    values = (
        said_checked(scorer, frame)
        if again or said is None
        else said.loc[frame.index].to_numpy(np.float64)
    )
    baseline = said_checked(scorer, frame, baseline=True)
    return len(frame), Past(frame.index.to_numpy(), target, values, baseline)


def _differing(scorer: Scorer, target: Floats) -> int:
    """How many outcomes there are of the rarer kind, or beside the commonest class."""
    if isinstance(scorer.output, Classes):
        return len(target) - int(np.unique(target, return_counts=True)[1].max(initial=0))
    some = int((target > 0).sum())
    return min(some, len(target) - some if set(target) <= {0.0, 1.0} else some)


def _judged(run: ScoringRun, scorer: Scorer, past: Past) -> dict[str, Any]:
    name, decides = next(iter(metrics_for(scorer.output).items()))
    if isinstance(scorer.output, Classes):
        metric = compared(
            {name: decides},
            target=past.target,
            model=past.said,
            baseline=past.baseline,
            rng=np.random.default_rng(run.pk),
        )[name]
        return {"customers": len(past.target), "metric": metric.as_json() | {"name": name}}
    found = compared(
        {name: decides, "ratio": (total_ratio, True)},
        target=past.target,
        model=past.said,
        baseline=past.baseline,
        rng=np.random.default_rng(run.pk),
    )
    points = calibration_curve(scorer.output, target=past.target, score=past.said)
    return {
        "customers": len(past.target),
        "metric": found[name].as_json() | {"name": name},
        "ratio": found["ratio"].as_json(),
        "calibration": [asdict(point) for point in points],
    }


def _sampled(run: ScoringRun) -> list[int]:
    """Customers among whom the run's are looked for, where nothing tells whom it scored."""
    every = max(1, run.customers // JUDGED_MOST)
    known = Customer.objects.filter(erased_at=None, merged_into=None)
    chosen = known.annotate(rest=F("pk") % every).filter(rest=0).order_by("pk")
    return list(chosen.values_list("pk", flat=True))


def _said(run: ScoringRun) -> "pd.Series[float]":
    params = {
        "scorer_key": run.scorer_key,
        "model_version_id": run.model_version_id,
        "as_of": run.as_of,
        "every": max(1, run.customers // JUDGED_MOST),
    }
    rows = sql_rows("scoring", "check_said", params)
    return pd.Series(dict(rows), dtype=float)


def run_bought(run: ScoringRun, scorer: RankingScorer) -> tuple[int, Bought | None]:
    """How many customers a run of rankings can be judged on, and what they bought, or None.

    Args:
        run: its horizon is over.
        scorer: its model.
    """
    end = run.as_of + timedelta(days=scorer.horizon_days)
    objectors = profiling_objectors(at=None)
    everything = datasets.purchases(start=run.as_of, end=end, excluded=objectors)
    with datasets.history(as_of=run.as_of, excluded=objectors) as tables:
        known = [int(one) for one in datasets.buyers(tables) if int(one) in everything]
    known = known[:: max(1, -(-len(known) // JUDGED_MOST))]
    if len(known) < ROWS_LEAST:
        return len(known), None
    return len(known), Bought(run.as_of, {one: everything[one] for one in known}, objectors)


def _ranking_figures(run: ScoringRun, scorer: RankingScorer) -> dict[str, Any]:
    customers, bought = run_bought(run, scorer)
    if bought is None:
        return {"customers": customers, "metric": None}
    found = bought.compared(*bought.ranked_beside(scorer), seed=run.pk)
    name, metric = next(iter(found.items()))
    return {"customers": customers, "metric": metric.as_json() | {"name": name}}
