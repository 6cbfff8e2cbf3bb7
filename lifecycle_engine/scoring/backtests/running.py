"""Backtests: for each month, training as of its beginning and judging by what came true from then.

A backtest stands in its row, to which each month is added when it is done. Who runs it holds an
advisory lock; PostgreSQL gives it up when a killed process's connection ends. Whoever asks for the
same backtest over the same data then goes on after the last month that is done.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any

from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from lifecycle_engine.core.jobs import JobHandle, job_run
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.backtest_models import Backtest, BacktestState
from lifecycle_engine.scoring.backtests.frames import FrameStore
from lifecycle_engine.scoring.backtests.judging import Asked, judge
from lifecycle_engine.scoring.backtests.months import known_until, months, months_check
from lifecycle_engine.scoring.backtests.policy import Champion
from lifecycle_engine.scoring.backtests.results import JOB, Month, MonthState, lock_name
from lifecycle_engine.scoring.contests import rule_apply
from lifecycle_engine.scoring.errors import BacktestError, TrainingDataError
from lifecycle_engine.scoring.models import ModelVersion
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.selectors import scorer_build
from lifecycle_engine.scoring.services import (
    manifest_digest,
    manifest_seed,
    training_manifest,
    version_build,
)
from lifecycle_engine.scoring.timelines import held_back, timeline, windows_ahead
from lifecycle_engine.scoring.trained import Trained
from lifecycle_engine.scoring.training import scorer_fit
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer
from lifecycle_engine.sdk.tasks import TaskScorer

#: Called with the backtest whenever a month is done, and with what is being done.
Watch = Callable[[Backtest, str], None]

#: What says nothing of the backtest: it is gone on with when the database, or whoever runs it, is
#: there again.
_NOT_OURS = (OperationalError, InterfaceError, KeyboardInterrupt, SystemExit)


def nobody_watches(backtest: Backtest, doing: str) -> None:
    """Tell nobody."""
    del backtest, doing


def backtest_run(
    *,
    scorer_key: str,
    first: date,
    last: date,
    by: str = "",
    watch: Watch = nobody_watches,
) -> Backtest:
    """Train a scorer as of the beginning of each month, and judge it by what came true from then.

    Nothing live is touched: neither models nor scores, nor the artefacts of either. One that was
    killed is gone on with, if it was of the same months and data.

    Args:
        scorer_key: the scorer; its mode does not matter.
        first: the first day of the first month.
        last: the first day of the last month.
        by: who asks.
        watch: is told how far it is.

    Raises:
        UnknownExtensionError: no plugin brings the scorer.
        BacktestError: the months are wrong, the scorer finds groups, or another process backtests
            it.
        ScorerOutputError: the scorer broke a promise.
    """
    scorer = scorer_build(scorer_key=scorer_key)
    if isinstance(scorer, ClusterScorer):
        raise BacktestError(f"Scorer {scorer_key} finds groups: nothing comes true to judge it by")
    months_check(first, last)
    with advisory_lock(lock_name(scorer_key)) as free:
        if not free:
            raise BacktestError(f"Scorer {scorer_key} is being backtested by another process")
        # An objection counts from the moment it is known, also for what looks back.
        excluded = profiling_objectors(at=None)
        backtest = _begun(scorer, first, last, excluded, by)
        try:
            with job_run(JOB, subject=str(backtest.pk)) as job:
                _Roll(scorer, backtest, excluded, job, watch).run()
        except _NOT_OURS:
            raise
        except BaseException as error:
            _over(backtest, BacktestState.FAILED, f"{type(error).__name__}: {error}")
            _files_keep(backtest, None)
            raise
        _over(backtest, BacktestState.FINISHED)
        _files_keep(backtest, None)
    backtest.refresh_from_db()
    return backtest


@transaction.atomic
def _begun(scorer: BaseScorer, first: date, last: date, excluded: set[int], by: str) -> Backtest:
    """The row: of one that was killed, if it was about the same; else a new one."""
    end = max(months(first, last)) + held_back(scorer)
    digest = manifest_digest(training_manifest(scorer, as_of=end, excluded=excluded))
    # Nobody is at it: we have the lock.
    killed = Backtest.objects.filter(scorer_key=scorer.key, state=BacktestState.RUNNING).first()
    if killed is not None:
        if (killed.first, killed.last, killed.fingerprint) == (first, last, digest):
            return killed
        _over(killed, BacktestState.FAILED, "was stopped, and another one was begun")
        _files_keep(killed, None)
    return Backtest.objects.create(
        scorer_key=scorer.key,
        first=first,
        last=last,
        config=scorer.config.model_dump(mode="json"),
        fingerprint=digest,
        requested_by=by,
    )


@dataclass
class _Roll:
    """One pass over the months."""

    scorer: BaseScorer
    backtest: Backtest
    excluded: set[int]
    job: JobHandle
    watch: Watch

    def run(self) -> None:
        backtest = self.backtest
        known = known_until(self.scorer, last=backtest.last)
        todo = list(months(backtest.first, backtest.last))[len(backtest.months) :]
        over = [as_of for as_of in todo if known is not None and self._end(as_of) <= known]
        frames = self._frames(over)
        for as_of in todo:
            self._tell(f"{as_of:%Y-%m}")
            started = perf_counter()
            if as_of in over:
                month = self._month(as_of, frames)
                frames.done()
            else:
                month = self._open(as_of, known)
            self._keep(replace(month, seconds=round(perf_counter() - started, 2)))
        self._tell("")

    def _month(self, as_of: datetime, frames: FrameStore) -> Month:
        empty = Month(f"{as_of:%Y-%m}", as_of, self._end(as_of), MonthState.JUDGED)
        # A scorer of its own each month, as in live training: none knows what an earlier one did.
        scorer = scorer_build(scorer_key=self.scorer.key, config=self.backtest.config)
        manifest = training_manifest(scorer, as_of=as_of, excluded=self.excluded)
        seed = manifest_seed(manifest)
        try:
            trained = scorer_fit(
                scorer,
                as_of=as_of,
                excluded=self.excluded,
                seed=seed,
                frames=frames,
                folder=self._folder,
                details=False,
            )
        except TrainingDataError as error:
            return replace(empty, state=MonthState.LACKING, needs=error.needs, message=str(error))
        version = self._version(scorer, trained, as_of, manifest)
        champion, reason = self._decided(version, trained, empty.month, seed)
        same = champion.month == empty.month
        held = champion.version(scorer_key=scorer.key)
        asked = Asked(
            scorer=scorer,
            champion=scorer if same else scorer_restored(version=held),
            as_of=as_of,
            excluded=self.excluded,
            share=_share_called(trained),
            seed=seed,
        )
        found = judge(asked, frames=frames)
        told = replace(
            empty,
            algorithm=scorer.algorithm,
            fingerprint=version.fingerprint,
            reason=reason,
            published=champion.published(month=empty.month),
            champion_of=champion.month,
        )
        if found is None:
            message = f"Scorer {scorer.key}: the same came true of everybody, or nobody bought"
            return replace(told, state=MonthState.SAME, message=message)
        return replace(
            told,
            customers=found.customers,
            target_mean=found.target_mean,
            metrics=found.metrics,
            champion=found.champion,
        )

    def _version(
        self, scorer: BaseScorer, trained: Trained, as_of: datetime, manifest: dict[str, Any]
    ) -> ModelVersion:
        version = version_build(
            scorer, trained, manifest=manifest, as_of=as_of, seconds=0.0, folder=self._folder
        )
        version.number = len(self.backtest.months) + 1
        return version

    def _decided(
        self, version: ModelVersion, trained: Trained, month: str, seed: int
    ) -> tuple[Champion, str]:
        """Who is the champion from now on, and why."""
        before = Champion(**self.backtest.champion) if self.backtest.champion else None
        held = None if before is None else before.version(scorer_key=version.scorer_key)
        decision = rule_apply(held, version, trained, by_hand=False, seed=seed)
        if before is not None and not decision.promoted:
            return before, decision.reason
        champion = Champion.of(version, month=month)
        self.backtest.champion = champion.as_json()
        return champion, decision.reason

    def _open(self, as_of: datetime, known: datetime | None) -> Month:
        days = held_back(self.scorer) / timedelta(days=1)
        message = f"The {days:g} days from {as_of:%Y-%m-%d} on "
        if known is None:
            message += "are not in the log: no event is known from before their end"
        else:
            message += f"are not over: the newest event is of {known:%Y-%m-%d}"
        return Month(f"{as_of:%Y-%m}", as_of, self._end(as_of), MonthState.OPEN, message=message)

    def _keep(self, month: Month) -> None:
        backtest = self.backtest
        if month.metrics and not backtest.decided_by:
            backtest.decided_by = next(iter(month.metrics))
        backtest.months = [*backtest.months, month.as_json()]
        backtest.save(update_fields=["months", "champion", "decided_by"])
        _files_keep(backtest, Champion(**backtest.champion) if backtest.champion else None)
        self.job.progress(len(backtest.months), backtest.total, "months")

    def _frames(self, judged: list[datetime]) -> FrameStore:
        if not isinstance(self.scorer, Scorer) or not judged:
            return FrameStore([() for _ in judged], customers=1)
        plan = []
        for as_of in judged:
            if isinstance(self.scorer, TaskScorer):  # Trained with others, from frames of its own.
                plan.append(windows_ahead(self.scorer, as_of=as_of))
                continue
            with suppress(TrainingDataError):  # The month says so itself when it is its turn.
                learned = timeline(self.scorer, as_of=as_of).cutoffs
                plan.append([*learned, *windows_ahead(self.scorer, as_of=as_of)])
                continue
            plan.append([])
        customers = datasets.population_size(self.scorer, as_of=judged[-1])
        return FrameStore(plan, customers=customers)

    def _end(self, as_of: datetime) -> datetime:
        return as_of + held_back(self.scorer)

    @property
    def _folder(self) -> str:
        return _folder(self.backtest)

    def _tell(self, doing: str) -> None:
        self.watch(self.backtest, doing)


def _share_called(trained: Trained) -> float | None:
    """The share of customers that the model's card calls; None for amounts and rankings."""
    threshold = trained.card["validation"].get("threshold")
    return None if threshold is None else float(threshold["share"])


def _over(backtest: Backtest, state: BacktestState, error: str = "") -> None:
    Backtest.objects.filter(pk=backtest.pk, state=BacktestState.RUNNING).update(
        state=state, error=error.replace("\0", ""), finished_at=Now()
    )


def _folder(backtest: Backtest) -> str:
    return f"backtests/{backtest.pk}"


def _files_keep(backtest: Backtest, champion: Champion | None) -> None:
    """Remove the backtest's models but the champion's, also what a killed process left there.

    Those of a task lie beside those of the tasks that were trained with it.
    """
    kept = set() if champion is None else {champion.artefact, champion.held_artefact}
    folder = _folder(backtest)
    for scorer_folder in [f"{folder}/{name}" for name in _listed(folder)[0]]:
        for path in [f"{scorer_folder}/{name}" for name in _listed(scorer_folder)[1]]:
            if path not in kept:
                default_storage.delete(path)
        if champion is None:
            default_storage.delete(scorer_folder)
    if champion is None:
        default_storage.delete(folder)


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """The names of the folders and files in it; none where it is not there."""
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []
