"""Training scorers and running them."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from django.db import transaction
from django.db.models import Max

import lifecycle_engine
from lifecycle_engine.core.jobs import JobHandle, job_run
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.artefacts import artefact_save
from lifecycle_engine.scoring.errors import ScorerBusyError, ScorerOffError, TrainingDataError
from lifecycle_engine.scoring.models import ModelState, ModelVersion, ScorerMode
from lifecycle_engine.scoring.publishing import Published, recommendations_publish, scores_publish
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.selectors import (
    model_champion,
    plugin_version,
    scorer_build,
    scorer_mode,
)
from lifecycle_engine.scoring.training import (
    PLACES,
    Trained,
    outputs_checked,
    ranking_checked,
    scorer_fit,
)
from lifecycle_engine.sdk.scorers import BaseScorer, RankingScorer, Scorer

#: Customers per call of ``predict`` or ``recommend``: bounds memory and paces the progress.
BATCH = 20_000


def model_train(*, scorer_key: str, as_of: datetime, at: datetime) -> ModelVersion:
    """Train a scorer on everything before ``as_of`` and keep it as a new model version.

    It becomes the champion if it beats its baseline on the last ``horizon_days`` before ``as_of``,
    or if there is no other; else it stays a candidate. Its card says which, and how good it is.
    When scorer, configuration, plugin version and data are those of an existing version, that
    version is returned and nothing happens.

    Args:
        scorer_key: the scorer.
        as_of: the model sees nothing later.
        at: business time.

    Raises:
        TrainingDataError: there is too little history, or ``as_of`` is in the future.
        ScorerBusyError: another worker trains or runs the scorer.
        ScorerOffError: staff have switched it off.
    """
    if as_of > at:
        raise TrainingDataError(f"Scorer {scorer_key} can't learn from {as_of}: it is {at}")
    with _only_run(scorer_key):
        scorer = scorer_build(scorer_key=scorer_key)
        # An objection counts from the moment it is known, also for runs that look back.
        excluded = profiling_objectors(at=None)
        manifest = _manifest(scorer, as_of, excluded)
        digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        existing = ModelVersion.objects.filter(scorer_key=scorer_key, fingerprint=digest).first()
        if existing is not None:
            return existing
        with job_run("scoring.train", subject=scorer_key) as job:
            return _train(scorer, as_of, excluded, manifest, digest, job)


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
    with _only_run(scorer_key), job_run("scoring.run", subject=scorer_key) as job:
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


@contextmanager
def _only_run(scorer_key: str) -> Iterator[None]:
    if scorer_mode(scorer_key=scorer_key) is ScorerMode.OFF:
        raise ScorerOffError(f"Scorer {scorer_key} is switched off")
    with advisory_lock(f"scoring:{scorer_key}") as free:
        if not free:
            raise ScorerBusyError(f"Scorer {scorer_key} is being trained or run by another worker")
        yield


def _manifest(scorer: BaseScorer, as_of: datetime, excluded: set[int]) -> dict[str, Any]:
    """All that decides what the model becomes: equal manifests give equal models."""
    return {
        "scorer": scorer.key,
        "config": scorer.config.model_dump(mode="json"),
        "features": list(scorer.feature_names()) if isinstance(scorer, Scorer) else [],
        "plugin_version": plugin_version(scorer_key=scorer.key),
        "engine_version": lifecycle_engine.__version__,
        "as_of": as_of.isoformat(),
        "data": datasets.data_figures(as_of=as_of),
        "excluded": len(excluded),
        "excluded_digest": hashlib.sha256(repr(sorted(excluded)).encode()).hexdigest(),
    }


def _train(
    scorer: BaseScorer,
    as_of: datetime,
    excluded: set[int],
    manifest: dict[str, Any],
    digest: str,
    job: JobHandle,
) -> ModelVersion:
    started = perf_counter()
    trained = scorer_fit(
        scorer,
        as_of=as_of,
        excluded=excluded,
        seed=int(digest[:8], 16),
        progress=lambda done, total: job.progress(min(done, total), total),
    )
    artefact = artefact_save(folder=f"models/{scorer.key}", state=scorer.state())
    version = ModelVersion(
        scorer_key=scorer.key,
        as_of=as_of,
        train_seconds=perf_counter() - started,
        rows=trained.rows,
        algorithm=scorer.algorithm,
        features=manifest["features"],
        config=manifest["config"],
        card=trained.card | {"manifest": manifest},
        artefact=artefact.path,
        sha256=artefact.sha256,
        plugin_version=manifest["plugin_version"],
        fingerprint=digest,
    )
    _version_add(version, trained)
    job.result(model=version.number, state=version.state, rows=version.rows)
    return version


@transaction.atomic
def _version_add(version: ModelVersion, trained: Trained) -> None:
    others = ModelVersion.objects.filter(scorer_key=version.scorer_key)
    version.number = (others.aggregate(last=Max("number"))["last"] or 0) + 1
    champion = others.filter(state=ModelState.CHAMPION)
    if trained.better or not champion.exists():
        champion.update(state=ModelState.RETIRED)
        version.state = ModelState.CHAMPION
    version.card["better_than_baseline"] = trained.better
    version.card["decided_by"] = next(iter(trained.comparisons))
    version.save()


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
