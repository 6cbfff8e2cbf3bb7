"""Training scorers."""

import hashlib
import json
from collections.abc import Mapping, Sequence
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
from lifecycle_engine.scoring.monitoring.trainings import champion_stays
from lifecycle_engine.scoring.selectors import plugin_version, scorer_build
from lifecycle_engine.scoring.task_groups import task_keys
from lifecycle_engine.scoring.task_training import tasks_fit
from lifecycle_engine.scoring.task_turns import model_turn, tasks_turn, tasks_with
from lifecycle_engine.scoring.trained import Trained
from lifecycle_engine.scoring.training import scorer_fit
from lifecycle_engine.scoring.turns import scorer_turn
from lifecycle_engine.scoring.versions import model_move
from lifecycle_engine.sdk.devices import devices_noted
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer, scorers
from lifecycle_engine.sdk.tasks import TaskScorer


def model_train(*, scorer_key: str, as_of: datetime, at: datetime) -> ModelVersion:
    """Train a scorer on everything before ``as_of`` and keep it as a new model version.

    Whether it becomes the champion is the rule's to say (``contests.model_decide``); else it stays
    a challenger. Its card says which and why, and how good it is.
    When scorer, configuration, plugin version and data are those of an existing version, that
    version is returned and nothing happens.

    A task of a shared model is trained together with the others that are on and configured alike:
    each gets a version, all at once, so that who asks for the next one finds it there.

    Args:
        scorer_key: the scorer.
        as_of: the model sees nothing later.
        at: business time.

    Raises:
        TrainingDataError: there is too little history, or ``as_of`` is in the future.
        ScorerBusyError: another worker trains or runs the scorer, or one that is trained with it.
        ScorerOffError: staff have switched it off.
    """
    if as_of > at:
        raise TrainingDataError(f"Scorer {scorer_key} can't learn from {as_of}: it is {at}")
    if issubclass(scorers.get(scorer_key), TaskScorer):
        return _task_train(scorer_key, as_of)
    with scorer_turn(scorer_key):
        scorer = scorer_build(scorer_key=scorer_key)
        # An objection counts from the moment it is known, also for runs that look back.
        excluded = profiling_objectors(at=None)
        manifest = training_manifest(scorer, as_of=as_of, excluded=excluded)
        digest = manifest_digest(manifest)
        existing = _existing(scorer_key, digest)
        if existing is not None:
            return existing
        with job_run("scoring.train", subject=scorer_key) as job:
            try:
                return _train(scorer, as_of, excluded, manifest, job)
            except TrainingDataError as error:
                job.result(needs=error.as_json())
                raise


def training_manifest(
    scorer: BaseScorer,
    *,
    as_of: datetime,
    excluded: set[int],
    tasks: Sequence[TaskScorer] | None = None,
) -> dict[str, Any]:
    """All that decides what the model becomes: equal manifests give equal models.

    Of networks they give equal ones on equal devices (``Devices.as_json``), which the card names.

    Args:
        scorer: what is trained.
        as_of: it sees nothing later.
        excluded: customers who are left out.
        tasks: of a task, those that are trained together; by default all of its model.
    """
    manifest = {
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
    if isinstance(scorer, TaskScorer):
        keys = task_keys(scorer) if tasks is None else [task.key for task in tasks]
        manifest["tasks"] = sorted(keys)
    return manifest


def manifest_digest(manifest: dict[str, Any]) -> str:
    """The fingerprint of a model."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def manifest_seed(manifest: dict[str, Any]) -> int:
    """The seed of a training, which follows from all that decides.

    Tasks that are trained together have one: which of them was asked for decides nothing.
    """
    if "tasks" in manifest:
        manifest = manifest | {"scorer": manifest["tasks"]}
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
        classes=[one.as_json() for one in trained.classes],
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
    with devices_noted() as devices:
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
    version.card["devices"] = devices
    decision = model_decide(version, trained, seed=seed)
    version.card["decision"] = decision.as_json()
    _version_add(version, decision)
    job.result(model=version.number, state=version.state, rows=version.rows)
    return version


def _task_train(scorer_key: str, as_of: datetime) -> ModelVersion:
    tasks = tasks_with(scorer_key)
    with model_turn(tasks):
        excluded = profiling_objectors(at=None)
        shared = training_manifest(tasks[0], as_of=as_of, excluded=excluded, tasks=tasks)
        manifests = {task.key: shared | {"scorer": task.key} for task in tasks}
        existing = _existing(scorer_key, manifest_digest(manifests[scorer_key]))
        if existing is not None:
            return existing
        with tasks_turn(tasks), job_run("scoring.train", subject=scorer_key) as job:
            return _tasks_train(scorer_key, tasks, as_of, excluded, manifests, job)


def _tasks_train(
    scorer_key: str,
    tasks: Sequence[TaskScorer],
    as_of: datetime,
    excluded: set[int],
    manifests: Mapping[str, dict[str, Any]],
    job: JobHandle,
) -> ModelVersion:
    """Train tasks together, and give a version to each that has none of this manifest."""
    started, seed = perf_counter(), manifest_seed(manifests[scorer_key])
    digests = {key: manifest_digest(manifest) for key, manifest in manifests.items()}
    versioned = [key for key, digest in digests.items() if _existing(key, digest)]
    with devices_noted() as devices:
        fits = tasks_fit(
            tasks,
            as_of=as_of,
            excluded=excluded,
            seed=seed,
            progress=lambda done, total: job.progress(min(done, total), total),
            versioned=versioned,
        )
    seconds, made = perf_counter() - started, {}
    for task in tasks:
        trained, manifest = fits.trained.get(task.key), manifests[task.key]
        if trained is None or task.key in versioned:
            continue
        version = version_build(task, trained, manifest=manifest, as_of=as_of, seconds=seconds)
        decision = model_decide(version, trained, seed=seed)
        version.card |= {"decision": decision.as_json(), "devices": devices}
        made[task.key] = version, decision
    # All at once: half of a training is of no use, and the next would not be the same.
    with transaction.atomic():
        for version, decision in made.values():
            _version_add(version, decision)
    versions = {key: {"model": one.number, "state": one.state} for key, (one, _) in made.items()}
    job.result(tasks=versions, refused={key: e.as_json() for key, e in fits.refused.items()})
    if scorer_key in fits.refused:
        job.result(needs=fits.refused[scorer_key].as_json())
        raise fits.refused[scorer_key]
    return made[scorer_key][0]


def _existing(scorer_key: str, fingerprint: str) -> ModelVersion | None:
    found = ModelVersion.objects.filter(scorer_key=scorer_key, fingerprint=fingerprint)
    return found.first()


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
    elif decision.stays is not None:
        window = datetime.fromisoformat(version.card["validation"]["from"])
        champion_stays(version=version, metric=decision.stays, judged_as_of=window)
