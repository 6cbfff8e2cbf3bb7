"""Fitting a scorer that finds clusters, judging it, and giving its clusters numbers and names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.cards.drift import reference
from lifecycle_engine.scoring.classes import (
    BASELINE_FROM,
    ModelClass,
    classes_known,
    version_classes,
)
from lifecycle_engine.scoring.clusters.matching import numbers_followed
from lifecycle_engine.scoring.clusters.naming import cluster_traits, clusters_named, names_kept
from lifecycle_engine.scoring.clusters.stability import Stability, logged, stability_measure
from lifecycle_engine.scoring.errors import Need, TrainingDataError
from lifecycle_engine.scoring.models import ModelState, ModelVersion
from lifecycle_engine.scoring.promises import outputs_checked
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.timelines import days_check
from lifecycle_engine.scoring.trained import Clock, Trained
from lifecycle_engine.sdk.agreement import Labels
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import Progress

#: Customers on a card's map: points without a name, in no order.
MAP_MOST = 2_000


@dataclass(frozen=True)
class _Before:
    """The champion: its classes, and what it and its baseline say of the same customers."""

    classes: Mapping[int, ModelClass]
    model: Labels | None = None
    baseline: Labels | None = None


def clusters_fit(
    scorer: ClusterScorer,
    *,
    as_of: datetime,
    excluded: Collection[int],
    seed: int,
    progress: Progress,
) -> Trained:
    """Choose and judge on a part of the customers, then fit on all of them.

    Clusters that the champion found as well keep their numbers, and their names while these hold.

    Raises:
        TrainingDataError: there are too few customers, or too few days of orders.
    """
    clock = Clock()
    days_check(scorer, as_of=as_of)
    frame = datasets.feature_frame(scorer, as_of=as_of, excluded=excluded)
    least = max(scorer.minimum.customers, 10)
    if len(frame) < least:
        need = Need("customers", least, len(frame))
        raise TrainingDataError.of_needs(scorer.key, [need])
    clock.lap("features")
    rng = np.random.default_rng(seed)
    stability = stability_measure(scorer, frame, rng=rng, progress=progress)
    clock.lap("judging")
    scorer.renumber((), ())
    scorer.fit_clusters(frame, rng=rng, progress=progress)
    clock.lap("fit for use")
    classes = _classes(scorer, frame, stability)
    places = _map(scorer, frame, rng)
    metrics = {name: one.as_json() for name, one in stability.comparisons.items()}
    gone = _gone(scorer, classes)
    card = {
        "validation": {
            "from": as_of.isoformat(),
            "until": as_of.isoformat(),
            "rows": len(stability.held),
            "resamples": scorer.resamples,
            "metrics": metrics,
        },
        "report": scorer.report(),
        "cost": clock.as_json(),
        "reference": reference(
            frame, outputs_checked(scorer, frame, scorer.predict).to_numpy(), classes=True
        ),
        "map": places,
        "gone": gone,
    }
    return Trained(len(frame), stability.comparisons, card, classes=classes)


def _classes(scorer: ClusterScorer, frame: pd.DataFrame, stability: Stability) -> list[ModelClass]:
    """The clusters of model and baseline with their numbers and names; the scorer goes by them."""
    before, taken = _before(scorer, frame), classes_known(scorer_key=scorer.key)
    ours, theirs = scorer.assign(frame), scorer.assign_baseline(frame)
    numbers, others = (
        numbers_followed(
            places,
            old,
            taken=[one for one in taken if (one >= BASELINE_FROM) == (first >= BASELINE_FROM)],
            first=first,
        )
        for places, old, first in (
            (ours, before.model, 1),
            (theirs, before.baseline, BASELINE_FROM + 1),
        )
    )
    scorer.renumber(numbers, others)
    again = stability.found_again(scorer.assign(stability.held))
    base = stability.found_again(scorer.assign_baseline(stability.held), baseline=True)
    classes = _told(scorer, frame, ours, numbers, again)
    classes += [replace(one, by="baseline") for one in _told(scorer, frame, theirs, others, base)]
    return names_kept(sorted(classes, key=lambda one: one.number), before.classes, scorer.words)


def _told(
    scorer: ClusterScorer,
    frame: pd.DataFrame,
    places: Labels,
    numbers: Sequence[int],
    again: Mapping[int, float],
) -> list[ModelClass]:
    """Each cluster with its name, its size and what sets it apart."""
    traits = cluster_traits(logged(frame), places, list(frame.columns))
    names = clusters_named(traits, scorer.words)
    counts = np.bincount(places, minlength=len(numbers)).tolist()
    return [
        ModelClass(
            number=number,
            words=names[place],
            by="model",
            place=place,
            customers=counts[place],
            share=counts[place] / len(places),
            agreement=again.get(place),
            traits=traits[place],
        )
        for place, number in enumerate(numbers)
    ]


def _champion(scorer: ClusterScorer) -> ModelVersion | None:
    return ModelVersion.objects.filter(scorer_key=scorer.key, state=ModelState.CHAMPION).first()


def _before(scorer: ClusterScorer, frame: pd.DataFrame) -> _Before:
    champion = _champion(scorer)
    # A champion of other features can't be asked any more: its clusters can't be found again.
    if champion is None or champion.features != list(scorer.feature_names()):
        return _Before({})
    old = scorer_restored(version=champion)
    assert isinstance(old, ClusterScorer)  # noqa: S101 - it has the same key.
    model, baseline = (
        outputs_checked(old, frame, says).to_numpy(np.int64) for says in (old.predict, old.baseline)
    )
    return _Before(version_classes(champion), model, baseline)


def _gone(scorer: ClusterScorer, classes: Sequence[ModelClass]) -> list[int]:
    """The champion's clusters that were not found again: nobody gets their numbers any more."""
    champion = _champion(scorer)
    if champion is None:
        return []
    there = {one.number for one in classes}
    return sorted(
        number
        for number, one in version_classes(champion).items()
        if number not in there and not one.of_baseline
    )


def _map(
    scorer: ClusterScorer, frame: pd.DataFrame, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Some customers' places with their numbers, and of nobody who they are."""
    chosen = rng.permutation(len(frame))[:MAP_MOST]
    rows = frame.iloc[chosen]
    places = scorer.project(rows)
    if places is None:
        return None
    numbers = scorer.predict(rows).to_numpy()
    points = [
        [round(float(x), 3), round(float(y), 3), int(number)]
        for (x, y), number in zip(places, numbers, strict=True)
    ]
    return {"points": points}
