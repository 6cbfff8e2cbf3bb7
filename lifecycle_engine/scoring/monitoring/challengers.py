"""Versions that score nobody, judged beside the champion by what came true after a run."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.errors import ScoringError
from lifecycle_engine.scoring.measures import metrics_for
from lifecycle_engine.scoring.metrics import Comparison, compared
from lifecycle_engine.scoring.models import ModelState, ModelVersion
from lifecycle_engine.scoring.monitoring.outcomes import (
    ROWS_LEAST,
    Past,
    run_bought,
    run_past,
    window_of,
)
from lifecycle_engine.scoring.monitoring.rule import shown
from lifecycle_engine.scoring.promises import said_checked
from lifecycle_engine.scoring.rankings import Bought
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.sdk.scorers import BaseScorer, RankingScorer, Scorer, scorers

logger = logging.getLogger(__name__)

#: What is kept under ``verdict``, by which way the interval of the difference lies.
VERDICTS = {1: "better", 0: "same", -1: "worse"}


@dataclass(frozen=True)
class Challenge:
    """A version beside the champion of a run.

    Attributes:
        version: the one that was judged.
        figures: ``metric`` is the one that decides, the challenger's beside the champion's, with
            the paired 95 % interval of the difference, or None where nothing can be said;
            ``baseline`` the challenger's beside the baseline's; ``verdict`` what that means.
    """

    version: ModelVersion
    figures: dict[str, Any]


def challengers_of(run: ScoringRun) -> list[ModelVersion]:
    """The versions to judge on a run: the shadow and the newest challenger.

    Only those that have seen nothing of what came after the run's moment, by their own date, and
    that want the features that the scorer has today. The run's own version is none of them.
    """
    scorer_class = scorers.get(run.scorer_key)
    names = scorer_class.feature_names() if issubclass(scorer_class, Scorer) else ()
    waiting = ModelVersion.objects.filter(
        scorer_key=run.scorer_key, as_of__lte=run.as_of, features=list(names)
    ).exclude(pk=run.model_version_id)
    found = [
        waiting.filter(state=state).defer("card").order_by("-number").first()
        for state in (ModelState.SHADOW, ModelState.CHALLENGER)
    ]
    return [version for version in found if version is not None]


def challenges(run: ScoringRun, versions: list[ModelVersion]) -> list[Challenge]:
    """Judge versions on the customers of a run, beside its champion and its baseline.

    What a version would have said is made again by its artefact, which has not seen the window,
    from what is known now of then. What the champion said is what was published, else likewise.

    Args:
        run: its horizon is over.
        versions: as ``challengers_of`` gives them.
    """
    if not versions or run.model_version.as_of > run.as_of:
        return []
    champion = scorer_restored(version=run.model_version)
    try:
        customers, beside = _judging(run, champion)
    except ScoringError as error:
        logger.warning("Nobody is judged beside %s: %s", run.model_version, error)
        return []
    window = window_of(run, champion)
    found = []
    for version in versions:
        nothing: dict[str, Any] = {"customers": customers, "metric": None}
        try:
            figures = nothing if beside is None else beside(version)
        except ScoringError as error:
            # It may be of an older plugin. That is no reason to leave the champion unchecked.
            figures = nothing | {"error": type(error).__name__}
        found.append(Challenge(version, window | figures))
    return found


def _judging(
    run: ScoringRun, champion: BaseScorer
) -> tuple[int, Callable[[ModelVersion], dict[str, Any]] | None]:
    """How many customers there are to judge on, and how a version is judged; None where too few."""
    if isinstance(champion, RankingScorer):
        customers, bought = run_bought(run, champion)
        if bought is None:
            return customers, None
        sides = dict(zip(("champion", "baseline"), bought.ranked_beside(champion), strict=True))
        return customers, partial(_ranking_beside, run, bought, sides)
    assert isinstance(champion, Scorer)  # noqa: S101 - the registry knows no third.
    customers, past = run_past(run, champion)
    return customers, None if past is None else partial(_beside, run, past)


def _ranking_beside(
    run: ScoringRun, bought: Bought, sides: Mapping[str, pd.DataFrame], version: ModelVersion
) -> dict[str, Any]:
    scorer = scorer_restored(version=version)
    assert isinstance(scorer, RankingScorer)  # noqa: S101 - as its champion is.
    said = bought.ranked(scorer)
    found = {
        whom: next(iter(bought.compared(said, theirs, seed=run.pk).items()))
        for whom, theirs in sides.items()
    }
    return _told(len(bought.customers), **found)


def _beside(run: ScoringRun, past: Past, version: ModelVersion) -> dict[str, Any]:
    scorer = scorer_restored(version=version)
    assert isinstance(scorer, Scorer)  # noqa: S101 - as its champion is.
    frame = datasets.feature_frame(
        scorer,
        as_of=run.as_of,
        excluded=profiling_objectors(at=None),
        only=past.ids.tolist(),
    )
    both = np.isin(past.ids, frame.index.to_numpy())
    if both.sum() < ROWS_LEAST:
        return {"customers": int(both.sum()), "metric": None}
    said = said_checked(scorer, frame.loc[past.ids[both]])
    name, decides = next(iter(metrics_for(scorer.output).items()))
    found = {
        whom: compared(
            {name: decides},
            target=past.target[both],
            model=said,
            baseline=theirs[both],
            rng=np.random.default_rng(run.pk),
        )[name]
        for whom, theirs in (("champion", past.said), ("baseline", past.baseline))
    }
    return _told(int(both.sum()), **{whom: (name, one) for whom, one in found.items()})


def _told(
    customers: int, *, champion: tuple[str, Comparison], baseline: tuple[str, Comparison]
) -> dict[str, Any]:
    name, metric = champion
    return {
        "customers": customers,
        "metric": metric.as_json() | {"name": name},
        "baseline": baseline[1].as_json(),
        "verdict": VERDICTS[shown(metric.as_json())],
    }
