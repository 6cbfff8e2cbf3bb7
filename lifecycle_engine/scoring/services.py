"""Training scorers."""

import hashlib
import json
from datetime import datetime
from time import perf_counter
from typing import Any

from django.db import transaction
from django.db.models import Max

import lifecycle_engine
from lifecycle_engine.core.jobs import JobHandle, job_run
from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.artefacts import artefact_save
from lifecycle_engine.scoring.change_models import ChangeCause
from lifecycle_engine.scoring.contests import Decision, model_decide
from lifecycle_engine.scoring.errors import TrainingDataError
from lifecycle_engine.scoring.models import ModelState, ModelVersion
from lifecycle_engine.scoring.selectors import plugin_version, scorer_build
from lifecycle_engine.scoring.training import Trained, scorer_fit
from lifecycle_engine.scoring.turns import scorer_turn
from lifecycle_engine.scoring.versions import model_move
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer


def model_train(*, scorer_key: str, as_of: datetime, at: datetime) -> ModelVersion:
    """Train a scorer on everything before ``as_of`` and keep it as a new model version.

    Whether it becomes the champion is the rule's to say (``contests.model_decide``); else it stays
    a challenger. Its card says which and why, and how good it is.
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
    with scorer_turn(scorer_key):
        scorer = scorer_build(scorer_key=scorer_key)
        # An objection counts from the moment it is known, also for runs that look back.
        excluded = profiling_objectors(at=None)
        manifest = training_manifest(scorer, as_of=as_of, excluded=excluded)
        digest = manifest_digest(manifest)
        existing = ModelVersion.objects.filter(scorer_key=scorer_key, fingerprint=digest).first()
        if existing is not None:
            return existing
        with job_run("scoring.train", subject=scorer_key) as job:
            try:
                return _train(scorer, as_of, excluded, manifest, job)
            except TrainingDataError as error:
                job.result(needs=error.as_json())
                raise


def training_manifest(scorer: BaseScorer, *, as_of: datetime, excluded: set[int]) -> dict[str, Any]:
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


def manifest_digest(manifest: dict[str, Any]) -> str:
    """The fingerprint of a model."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def manifest_seed(manifest: dict[str, Any]) -> int:
    """The seed of a training, which follows from all that decides."""
    return int(manifest_digest(manifest)[:8], 16)


def version_build(
    scorer: BaseScorer,
    trained: Trained,
    *,
    manifest: dict[str, Any],
    as_of: datetime,
    seconds: float,
    folder: str = "models",
) -> ModelVersion:
    """The version of a scorer that was just fitted: its artefact is stored, its row is not."""
    artefact = artefact_save(folder=f"{folder}/{scorer.key}", state=scorer.state())
    version = ModelVersion(
        scorer_key=scorer.key,
        as_of=as_of,
        train_seconds=seconds,
        rows=trained.rows,
        algorithm=scorer.algorithm,
        features=manifest["features"],
        config=manifest["config"],
        card=trained.card | {"manifest": manifest},
        artefact=artefact.path,
        sha256=artefact.sha256,
        plugin_version=manifest["plugin_version"],
        fingerprint=manifest_digest(manifest),
    )
    if trained.held is not None:
        version.held_artefact, version.held_sha256 = trained.held.path, trained.held.sha256
    version.card["better_than_baseline"] = trained.better
    version.card["decided_by"] = next(iter(trained.comparisons))
    return version


def _train(
    scorer: BaseScorer,
    as_of: datetime,
    excluded: set[int],
    manifest: dict[str, Any],
    job: JobHandle,
) -> ModelVersion:
    started, seed = perf_counter(), manifest_seed(manifest)
    trained = scorer_fit(
        scorer,
        as_of=as_of,
        excluded=excluded,
        seed=seed,
        progress=lambda done, total: job.progress(min(done, total), total),
    )
    version = version_build(
        scorer, trained, manifest=manifest, as_of=as_of, seconds=perf_counter() - started
    )
    decision = model_decide(version, trained, seed=seed)
    version.card["decision"] = decision.as_json()
    _version_add(version, decision)
    job.result(model=version.number, state=version.state, rows=version.rows)
    return version


@transaction.atomic
def _version_add(version: ModelVersion, decision: Decision) -> None:
    others = ModelVersion.objects.filter(scorer_key=version.scorer_key)
    version.number = (others.aggregate(last=Max("number"))["last"] or 0) + 1
    version.save()
    if decision.promoted:
        model_move(
            version_id=version.pk,
            to=ModelState.CHAMPION,
            reason=decision.reason,
            cause=ChangeCause.RULE,
        )
        version.state = ModelState.CHAMPION
