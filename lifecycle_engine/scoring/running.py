"""Running scorers: their whole population is scored and published, or nothing is.

A run stands in its row. One process drives it, under the scorer's advisory lock, and others may
help with its shards, each under a lock of its own; PostgreSQL gives the locks up when a killed
process's connection ends. A shard that is done stays done, and so do the features: whoever drives
the run next goes on from there. What is published appears in one transaction.
"""

from datetime import datetime
from time import perf_counter, sleep

import numpy as np
import pandas as pd
import pyarrow as pa
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Func, Value
from django.db.models.functions import Now

from lifecycle_engine.core.bulk import copy_arrow
from lifecycle_engine.core.jobs import JobHandle, enqueue, job_run
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_execute
from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.errors import (
    RunGivenUpError,
    ScorerBusyError,
    ScorerMomentaryError,
    ScorerOffError,
    ScoringError,
)
from lifecycle_engine.scoring.frames import (
    FrameLostError,
    frame_for,
    frames_forget,
    frames_sweep,
    part_frame,
)
from lifecycle_engine.scoring.models import ModelState
from lifecycle_engine.scoring.monitoring.uses import use_of
from lifecycle_engine.scoring.promises import PLACES, outputs_checked, ranking_checked
from lifecycle_engine.scoring.publishing import Published, recommendations_publish, scores_publish
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.run_models import FeatureFrame, RunState, ScoringRun
from lifecycle_engine.scoring.schedule import is_momentary, scorer_queue
from lifecycle_engine.scoring.selectors import model_champion
from lifecycle_engine.scoring.turns import scorer_turn
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.scorers import RankingScorer, Scorer

#: Customers per call of ``recommend``: bounds memory.
BATCH = 20_000
#: Starts without a shard getting done, after which a run is not tried again.
ATTEMPTS_LIMIT = 5
#: Workers that are asked to help with a run of many shards.
HELPERS = 8
#: Seconds between looks at shards that others are at.
_LOOK = 0.2


def scorer_run(*, scorer_key: str, as_of: datetime) -> Published:
    """Score the scorer's whole population with its champion and publish the results.

    Where the champion does not beat its baseline, or monitoring has found it out, what the baseline
    says is published in its place (``monitoring.uses``).
    All results appear at once or none do. A run as of the same moment that was killed is gone on
    with; one with another model, or as of another moment, is given up. Of a scorer in shadow mode
    everything is computed and checked, but nothing is published.

    Raises:
        ModelMissingError: the scorer was never trained.
        ScorerOutputError: the scorer broke a promise; nothing is published.
        ScorerBusyError: another worker trains or runs the scorer.
        ScorerOffError: staff have switched it off.
        ScorerMomentaryError: its scores are worked out when they are asked for.
        RunGivenUpError: another model was promoted meanwhile, or what is published was changed;
            nothing is published.
    """
    if is_momentary(scorer_key):
        raise ScorerMomentaryError(f"Scorer {scorer_key} is asked on demand: nothing is published")
    with scorer_turn(scorer_key):
        return _driven(_begun(scorer_key, as_of))


def runs_look_after() -> None:
    """Have runs gone on with whose worker was killed; remove features that nothing needs."""
    for run in ScoringRun.objects.filter(state=RunState.RUNNING):
        with advisory_lock(f"scoring:{run.scorer_key}") as free:
            if free:
                enqueue("scoring.resume_run", queue=scorer_queue(run.scorer_key), run_id=run.pk)
    frames_forget()
    frames_sweep()


def run_resume(*, run_id: int) -> Published | None:
    """Go on with a run whose worker was killed; None where there is nothing to go on with."""
    run = ScoringRun.objects.get(pk=run_id)
    try:
        with scorer_turn(run.scorer_key):
            run.refresh_from_db()
            return _driven(run) if run.state == RunState.RUNNING else None
    except ScorerBusyError:
        return None
    except ScorerOffError as error:
        run_over(run, RunState.SUPERSEDED, str(error))
        return None


def run_help(*, run_id: int) -> None:
    """Score shards of a run that another process drives, until there are none that nobody is at."""
    run = ScoringRun.objects.select_related("model_version", "frame").get(pk=run_id)
    if run.state != RunState.RUNNING or run.frame is None:
        return
    scorer = scorer_restored(version=run.model_version)
    assert isinstance(scorer, Scorer)  # noqa: S101 - rankings have no shards.
    try:
        while _shard_next(run, scorer):
            pass
    except _OURS:
        raise
    except (FrameLostError, RunGivenUpError):
        return  # Who drives the run finds out, too.
    except BaseException as error:
        run_over(run, RunState.FAILED, _said(error))
        raise


def run_over(run: ScoringRun, state: RunState, error: str = "") -> None:
    """End a run of which nothing is published."""
    with transaction.atomic():
        ended = ScoringRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
            state=state, error=error.replace("\0", ""), finished_at=Now()
        )
        if ended:
            sql_execute("scoring", "incoming_remove", {"run_id": run.pk})


#: What says nothing of the run: it is gone on with when the database, or the worker, is back.
_OURS = (OperationalError, InterfaceError, KeyboardInterrupt, SystemExit)


def _begun(scorer_key: str, as_of: datetime) -> ScoringRun:
    version = model_champion(scorer_key=scorer_key)
    use = use_of(champion=version)
    for run in ScoringRun.objects.filter(scorer_key=scorer_key, state=RunState.RUNNING):
        if (run.as_of, run.model_version_id, run.use) == (as_of, version.pk, use):
            return run
        run_over(run, RunState.SUPERSEDED)
    return ScoringRun.objects.create(
        scorer_key=scorer_key, model_version=version, as_of=as_of, use=use
    )


def _driven(run: ScoringRun) -> Published:
    with job_run("scoring.run", subject=run.scorer_key) as job:
        try:
            published = _completed(run, job)
        except _OURS:
            raise
        except BaseException as error:
            given_up = isinstance(error, RunGivenUpError)
            run_over(run, RunState.SUPERSEDED if given_up else RunState.FAILED, _said(error))
            raise
        run.refresh_from_db()
        job.result(
            run=run.pk,
            model=run.model_version.number,
            publishes=run.use,
            customers=published.customers,
            written=published.written,
            withdrawn=published.withdrawn,
        )
    frames_sweep()
    return published


def _completed(run: ScoringRun, job: JobHandle) -> Published:
    if run.attempts >= ATTEMPTS_LIMIT:
        raise ScoringError(f"Run {run.pk} was started {ATTEMPTS_LIMIT} times and got nowhere")
    if run.model_version.state != ModelState.CHAMPION:
        raise RunGivenUpError(f"Model {run.model_version} is not the champion any more")
    ScoringRun.objects.filter(pk=run.pk).update(attempts=F("attempts") + 1)
    scorer = scorer_restored(version=run.model_version)
    excluded = profiling_objectors(at=None)
    if isinstance(scorer, Scorer):
        try:
            _shards_score(run, scorer, excluded, job)
        except FrameLostError:
            # What is staged came of other numbers than those that would now be computed.
            _forget_staged(run)
            _shards_score(run, scorer, excluded, job)
        return scores_publish(run=run, objectors=profiling_objectors(at=None))
    assert isinstance(scorer, RankingScorer)  # noqa: S101 - the registry knows no third.
    ranking = _recommended(run, scorer, excluded, job)
    return recommendations_publish(run=run, ranking=ranking)


def _shards_score(run: ScoringRun, scorer: Scorer, excluded: set[int], job: JobHandle) -> None:
    """Have all shards of the run staged, by this process and those that help."""
    frame = run.frame or frame_for(run, scorer, excluded=excluded)
    waiting = run.shards - len(run.shards_done)
    for _helper in range(min(waiting - 1, HELPERS)):
        enqueue("scoring.help_run", queue=scorer.queue, run_id=run.pk)
    while True:
        busy = _shard_next(run, scorer)
        done = sum(frame.parts[number]["customers"] for number in run.shards_done)
        job.progress(done, frame.customers, "customers")
        if len(run.shards_done) == run.shards:
            return
        if not busy:
            sleep(_LOOK)


def _shard_next(run: ScoringRun, scorer: Scorer) -> bool:
    """Score one shard that is not done and that nobody is at; says whether there was one.

    Raises:
        RunGivenUpError: the run is over.
    """
    _look(run)
    for number in sorted(set(range(run.shards)) - set(run.shards_done)):
        with advisory_lock(f"scoring:run:{run.pk}:{number}") as free:
            if free and number not in _look(run):
                _shard_score(run, scorer, number)
                return True
    return False


def _look(run: ScoringRun) -> list[int]:
    """The shards that are done by now."""
    run.refresh_from_db(fields=["state", "shards_done", "error"])
    if run.state != RunState.RUNNING:
        raise RunGivenUpError(run.error or f"Run {run.pk} was given up")
    return run.shards_done


def _shard_score(run: ScoringRun, scorer: Scorer, number: int) -> None:
    assert run.frame is not None  # noqa: S101 - the shards are its parts.
    begun = perf_counter()
    says = scorer.baseline if run.use == Use.BASELINE else scorer.predict
    values = outputs_checked(scorer, part_frame(run.frame, number), says)
    predicted = perf_counter()
    rows = {
        "run_id": np.full(len(values), run.pk),
        "customer_id": values.index.to_numpy(),
        "value": values.to_numpy(),
    }
    with transaction.atomic():
        mine = ScoringRun.objects.filter(pk=run.pk, state=RunState.RUNNING)
        # First, since it locks the run's row: a process that had lost its lock and comes too late
        # finds the shard done, or the run over, and leaves nothing behind.
        marked = mine.exclude(shards_done__contains=[number]).update(
            shards_done=Func(F("shards_done"), Value(number), function="array_append"), attempts=0
        )
        if marked:
            copy_arrow("scoring_incoming", pa.table(rows))
            mine.update(
                seconds_inference=F("seconds_inference") + (predicted - begun),
                seconds_staging=F("seconds_staging") + (perf_counter() - predicted),
            )
    _look(run)


@transaction.atomic
def _forget_staged(run: ScoringRun) -> None:
    sql_execute("scoring", "incoming_remove", {"run_id": run.pk})
    # Nobody else is to be given it either.
    FeatureFrame.objects.filter(runs=run).update(made_at=None)
    run.frame, run.shards, run.shards_done = None, 0, []
    run.save(update_fields=["frame", "shards", "shards_done"])


def _recommended(
    run: ScoringRun, scorer: RankingScorer, excluded: set[int], job: JobHandle
) -> pd.DataFrame:
    says = scorer.baseline if run.use == Use.BASELINE else scorer.recommend
    with datasets.history(as_of=run.as_of, excluded=excluded, stock=True) as tables:
        everybody = datasets.buyers(tables)
        parts = []
        for ids in np.split(everybody, range(BATCH, len(everybody), BATCH)):
            ranking = says(tables, customer_ids=ids, k=PLACES)
            parts.append(ranking_checked(scorer, ranking))
        job.progress(len(everybody), len(everybody), "customers")
    return pd.concat(parts)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
