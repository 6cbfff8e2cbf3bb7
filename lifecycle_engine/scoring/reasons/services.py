"""Working reasons out: for the customers asked for after a run, and for one on demand."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd
from django.db import transaction

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.jobs import job_run
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.consents import profiling_objectors_among
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.errors import ReasonsMissingError, ScorerBusyError
from lifecycle_engine.scoring.frames import FrameLostError, customers_frame
from lifecycle_engine.scoring.models import ModelState, ModelVersion, Score
from lifecycle_engine.scoring.monitoring.uses import use_of, uses_published
from lifecycle_engine.scoring.on_demand import champions, without_tensorflow
from lifecycle_engine.scoring.reason_models import ReasonsFor, ReasonsSummary, ScoreReasons
from lifecycle_engine.scoring.reasons.computing import (
    contributions_checked,
    customers_explain,
    importances,
    typical_values,
)
from lifecycle_engine.scoring.reasons.results import Explained
from lifecycle_engine.scoring.reasons.selectors import is_explaining, reasons_wanted
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.scoring.selectors import model_champion
from lifecycle_engine.scoring.sequences import sequence_texts
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.scorers import Scorer, scorers

#: Customers whose features say what is typical and what the model goes by.
SAMPLE = 1_000
#: Customers who are explained at a time.
BATCH = 5_000


@dataclass(frozen=True)
class Worked:
    """What working reasons out came to.

    Attributes:
        customers: how many customers have reasons now.
        withdrawn: how many lost theirs, which were of an older score.
    """

    customers: int
    withdrawn: int


def reasons_refresh(*, scorer_key: str, as_of: datetime) -> Worked:
    """Work out the reasons of a run's scores, of whom staff want them, in place of older ones.

    A scorer that gives no reasons, or whose reasons nobody wants, is left with none.

    Raises:
        ModelMissingError: the scorer was never trained.
        ScorerOutputError: the scorer broke a promise.
        ScorerBusyError: another worker is at it.
    """
    with advisory_lock(f"scoring:reasons:{scorer_key}") as free:
        if not free:
            raise ScorerBusyError(f"The reasons of {scorer_key} are being worked out already")
        wanted, top = reasons_wanted(scorer_key=scorer_key)
        scorer_class = scorers.get(scorer_key)
        able = any(is_explaining(scorer_class, use=use) for use in Use)
        if wanted is ReasonsFor.NOBODY or not able:
            return Worked(0, ScoreReasons.objects.filter(scorer_key=scorer_key).delete()[0])
        with job_run("scoring.explain", subject=scorer_key) as job:
            version = model_champion(scorer_key=scorer_key)
            use = use_of(champion=version)
            if not is_explaining(scorer_class, use=use):
                # What is published is not what the scorer can say why of.
                gone = ScoreReasons.objects.filter(scorer_key=scorer_key).delete()[0]
                job.result(customers=0, withdrawn=gone)
                return Worked(0, gone)
            scores = Score.objects.filter(
                scorer_key=scorer_key, model_version=version, as_of=as_of
            ).order_by("-percentile", "customer_id")
            ids = list(scores.values_list("customer_id", flat=True))
            done = 0
            with suppress(ReasonsMissingError):  # Of several models the one chosen may give none.
                some = ids[:top] if wanted is ReasonsFor.TOP else ids
                done = _explain(version, as_of, some, use)
            withdrawn = sql_execute("scoring", "reasons_withdraw", {"scorer_key": scorer_key})
            worked = Worked(done, withdrawn)
            job.result(**asdict(worked))
            return worked


def reasons_ask(*, score: Score) -> Explained:
    """Work out the reasons of one score now, and keep them.

    Raises:
        ReasonsMissingError: the scorer gives none, or the customer is not to be looked at.
        WorkerNeededError: its model wants TensorFlow.
        ArtefactError: the stored model is not what was stored.
    """
    use = next(iter(uses_published(scores=[score]).values()), Use.MODEL)
    if not is_explaining(scorers.get(score.scorer_key), use=use):
        raise ReasonsMissingError(
            f"Scorer {score.scorer_key} gives no reasons"
            if use is Use.MODEL
            else f"The score is the baseline's, which {score.scorer_key} explains not"
        )
    with without_tensorflow(score.scorer_key):
        found = _ask(score, use)
    _publish(score.model_version, score.as_of, found)
    return found[score.customer_id]


def _ask(score: Score, use: Use) -> dict[int, Explained]:
    version = score.model_version
    # The process keeps it: whoever asks once asks again.
    champion = version.state == ModelState.CHAMPION
    scorer = champions.get(version) if champion else _restored(version)
    frame = _features(scorer, version, score.as_of, [score.customer_id])
    if frame.empty:
        raise ReasonsMissingError(
            f"There is nothing to explain the score of customer {score.customer_id} by"
        )
    summary = ReasonsSummary.objects.filter(scorer_key=score.scorer_key).first()
    kept = (summary.typical, summary.texts) if summary else ({}, {})
    return customers_explain(scorer, frame, typical=kept[0], texts=kept[1], use=use)


def _explain(version: ModelVersion, as_of: datetime, ids: list[int], use: Use) -> int:
    """Explain and store; returns how many."""
    scorer = _restored(version)
    sampled = _features(scorer, version, as_of, _sample(version, as_of))
    if sampled.empty:
        return 0
    typical, texts = typical_values(sampled), _texts(scorer, as_of)
    ReasonsSummary.objects.update_or_create(
        scorer_key=version.scorer_key,
        defaults={
            "model_version": version,
            "as_of": as_of,
            "customers": len(sampled),
            "importances": dict(importances(contributions_checked(scorer, sampled, use=use))),
            "typical": typical,
            "texts": texts,
        },
    )
    done = 0
    for start in range(0, len(ids), BATCH):
        frame = _features(scorer, version, as_of, ids[start : start + BATCH])
        found = customers_explain(scorer, frame, typical=typical, texts=texts, use=use)
        _publish(version, as_of, found)
        done += len(found)
    return done


def _texts(scorer: Scorer, as_of: datetime) -> dict[str, str]:
    """What the tokens of its sequences stand for, by number; JSON has no other keys than texts."""
    if scorer.sequence is None:
        return {}
    with datasets.history(as_of=as_of, excluded=()) as tables:
        found = sequence_texts(scorer.sequence, tables)
    return {str(number): text for number, text in found.items()}


def _restored(version: ModelVersion) -> Scorer:
    scorer = scorer_restored(version=version)
    assert isinstance(scorer, Scorer)  # noqa: S101 - rankings have their reasons in themselves.
    return scorer


def _features(
    scorer: Scorer, version: ModelVersion, as_of: datetime, ids: list[int]
) -> pd.DataFrame:
    """The very features that the scores are of, where they are kept still; else computed again."""
    excluded = profiling_objectors_among(customer_ids=ids)
    run = (
        ScoringRun.objects.filter(model_version=version, as_of=as_of, state=RunState.PUBLISHED)
        .select_related("frame")
        .order_by("-pk")
        .first()
    )
    if run is not None and run.frame is not None:
        with suppress(FrameLostError):
            return customers_frame(run.frame, [one for one in ids if one not in excluded])
    return datasets.feature_frame(scorer, as_of=as_of, excluded=excluded, only=ids)


def _sample(version: ModelVersion, as_of: datetime) -> list[int]:
    params = {
        "scorer_key": version.scorer_key,
        "model_version_id": version.pk,
        "as_of": as_of,
        "limit": SAMPLE,
    }
    return [customer_id for (customer_id,) in sql_rows("scoring", "reasons_sample", params)]


@transaction.atomic
def _publish(version: ModelVersion, as_of: datetime, found: Mapping[int, Explained]) -> None:
    sql_execute("scoring", "reasons_incoming_create")
    copy_rows("reasons_incoming", ("customer_id", "document"), _rows(found))
    params = {"scorer_key": version.scorer_key, "model_version_id": version.pk, "as_of": as_of}
    sql_execute("scoring", "reasons_publish", params)


def _rows(found: Mapping[int, Explained]) -> Iterator[tuple[int, str]]:
    for customer_id, explained in found.items():
        yield customer_id, json.dumps(explained.as_json(), allow_nan=False)
