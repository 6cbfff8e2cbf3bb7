"""Checking models in use, writing down what was found, and falling back where it is bad."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from lifecycle_engine.core.jobs import enqueue, job_run
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.scoring.check_models import CheckKind, CheckState, FallBackOn, ModelCheck
from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.models import ModelVersion, ScorerSetting
from lifecycle_engine.scoring.monitoring.challengers import challengers_of, challenges
from lifecycle_engine.scoring.monitoring.findings import (
    SETTLING_DAYS,
    Finding,
    Limits,
    age_finding,
    calibration_finding,
    copy_finding,
    drift_findings,
    failed_finding,
    outcome_finding,
    worst,
)
from lifecycle_engine.scoring.monitoring.inputs import copy_hours, run_figures
from lifecycle_engine.scoring.monitoring.outcomes import outcome_figures
from lifecycle_engine.scoring.monitoring.uses import use_open, use_set
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.scoring.schedule import scorer_queue, scores_due_hours
from lifecycle_engine.scoring.use_models import Use, UseCause
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import scorers

logger = logging.getLogger(__name__)

#: Runs back that a check catches up on.
_BACK = 10
_OVER = (RunState.PUBLISHED, RunState.FAILED)
#: On what the scorer falls back, and how its record names it.
_CAUSES = {
    "failed": UseCause.FAILING,
    "outcomes": UseCause.OUTCOMES,
    "calibration": UseCause.CALIBRATION,
    "inputs": UseCause.DRIFT,
    "scores": UseCause.DRIFT,
}


def scorer_check(*, scorer_key: str, at: datetime) -> list[ModelCheck]:
    """Check what there is to check of a scorer: new runs, outcomes that are known by now, its age.

    Every run is looked at once for each kind; the age of the newest is looked at each time. A
    breach may have the scorer fall back to its baseline, in the transaction that records it.

    Args:
        scorer_key: the scorer.
        at: business time.

    Returns:
        The checks that were made.
    """
    with (
        advisory_lock(f"scoring:check:{scorer_key}", wait=True),
        job_run("scoring.check", subject=scorer_key) as job,
    ):
        limits = limits_of(scorer_key=scorer_key)
        made = [*_runs_check(scorer_key, at, limits), *_outcomes_check(scorer_key, at, limits)]
        made += _age_check(scorer_key, at, limits)
        job.result(checks=len(made), state=worst(check.state for check in made).value)
        return made


def limits_of(*, scorer_key: str) -> Limits:
    """The limits that staff have set, else the usual ones."""
    setting = ScorerSetting.objects.filter(key=scorer_key).first()
    due_hours = scores_due_hours(scorer_key=scorer_key, setting=setting)
    if setting is None:
        return Limits(fresh_hours=due_hours)
    return Limits(
        drift=setting.drift_limit,
        calibration=setting.calibration_limit,
        fresh_hours=due_hours,
        fall_back=FallBackOn(setting.fall_back),
    )


def _runs_check(scorer_key: str, at: datetime, limits: Limits) -> list[ModelCheck]:
    runs = ScoringRun.objects.filter(scorer_key=scorer_key, state__in=_OVER)
    newest = runs.select_related("model_version", "frame").order_by("-pk")[:_BACK]
    done = set(
        ModelCheck.objects.filter(run__in=[run.pk for run in newest], kind=CheckKind.RUN)
        .values_list("run_id", flat=True)
        .distinct()
    )
    made = []
    for run in sorted(newest, key=lambda one: one.pk):
        if run.pk not in done:
            failed = run.state == RunState.FAILED
            made.append(_failed_check(run, at, limits) if failed else _run_check(run, at, limits))
    return [check for check in made if check is not None]


def _run_check(run: ScoringRun, at: datetime, limits: Limits) -> ModelCheck | None:
    figures = run_figures(run)
    earlier = ModelCheck.objects.filter(
        scorer_key=run.scorer_key,
        kind=CheckKind.RUN,
        run_id__lt=run.pk,
        run__state=RunState.PUBLISHED,
    )
    before = earlier.order_by("-run_id").first()
    hours = copy_hours()
    found = drift_findings(figures, limits, before=before.findings if before else [])
    found.append(copy_finding(hours))
    return _record(run, CheckKind.RUN, at, limits, found, figures | {"copy_hours": hours})


def _failed_check(run: ScoringRun, at: datetime, limits: Limits) -> ModelCheck | None:
    failures = 0
    for one in ScoringRun.objects.filter(
        scorer_key=run.scorer_key, state__in=_OVER, pk__lte=run.pk, use=run.use
    ).order_by("-pk")[:_BACK]:
        if one.state != RunState.FAILED:
            break
        failures += 1
    broken = run.error.startswith("ScorerOutputError")
    finding = failed_finding(run.error, promise_broken=broken, failures=failures)
    return _record(run, CheckKind.RUN, at, limits, [finding], {})


def _outcomes_check(scorer_key: str, at: datetime, limits: Limits) -> list[ModelCheck]:
    """Judge the newest run whose outcomes are known, and beside it who waits, unless done."""
    if scorer_key not in scorers or copy_hours() > 1:
        return []  # What the columnar copy lacks would count as if it had not come true.
    scorer_class = scorers.get(scorer_key)
    if issubclass(scorer_class, ClusterScorer):
        return []  # Nothing comes true of groups that are found.
    known = at - timedelta(days=scorer_class.horizon_days + SETTLING_DAYS)
    run = (
        ScoringRun.objects.filter(
            Q(state=RunState.PUBLISHED)
            # What was published nowhere is made again, by a model that has not seen the window.
            | Q(state=RunState.SHADOW, model_version__as_of__lte=F("as_of")),
            scorer_key=scorer_key,
            as_of__lte=known,
        )
        .select_related("model_version")
        .order_by("-as_of", "-pk")
        .first()
    )
    if run is None:
        return []
    made = []
    # Of what the baseline said there is nothing to learn about the model.
    if run.use == Use.MODEL and not run.checks.filter(kind=CheckKind.OUTCOMES).exists():
        made.append(_outcome_check(run, at, limits))
    made += _challengers_check(run, at, limits)
    return [check for check in made if check is not None]


def _outcome_check(run: ScoringRun, at: datetime, limits: Limits) -> ModelCheck | None:
    figures = outcome_figures(run)
    found = []
    if figures["metric"] is not None:
        found.append(outcome_finding(figures["metric"], name=figures["metric"]["name"]))
    if figures.get("ratio") is not None:
        found.append(calibration_finding(figures["ratio"], limits))
    return _record(run, CheckKind.OUTCOMES, at, limits, found, figures)


def _challengers_check(run: ScoringRun, at: datetime, limits: Limits) -> list[ModelCheck | None]:
    """Judge the versions that wait beside the champion. Whatever comes of it, nothing changes."""
    done = set(run.checks.filter(kind=CheckKind.CHALLENGER).values_list("challenger", flat=True))
    waiting = [version for version in challengers_of(run) if version.pk not in done]
    return [
        _record(
            *(run, CheckKind.CHALLENGER, at, limits, [], challenge.figures),
            challenger=challenge.version,
        )
        for challenge in challenges(run, waiting)
    ]


def _age_check(scorer_key: str, at: datetime, limits: Limits) -> list[ModelCheck]:
    """How old the newest published scores are; a row stands as soon as they are late once."""
    run = (
        ScoringRun.objects.filter(scorer_key=scorer_key, state=RunState.PUBLISHED)
        .order_by("-as_of", "-pk")
        .first()
    )
    if run is None:
        return []
    finding = age_finding((at - run.as_of).total_seconds() / 3600, limits)
    if finding.state is CheckState.OK and not run.checks.filter(kind=CheckKind.FRESHNESS).exists():
        return []
    values = {
        "scorer_key": scorer_key,
        "state": finding.state,
        "findings": [finding.as_json()],
        "figures": {"hours": finding.value},
        "limits": limits.as_json(),
        "at": at,
    }
    check, _made = ModelCheck.objects.update_or_create(
        run=run, kind=CheckKind.FRESHNESS, defaults=values
    )
    _tell(check)
    return [check]


def _record(
    run: ScoringRun,
    kind: CheckKind,
    at: datetime,
    limits: Limits,
    found: Sequence[Finding],
    figures: dict[str, object],
    *,
    challenger: ModelVersion | None = None,
) -> ModelCheck | None:
    """Write the check down, and fall back if it says so; None where another process was first."""
    try:
        with transaction.atomic():
            check = ModelCheck.objects.create(
                scorer_key=run.scorer_key,
                run=run,
                challenger=challenger,
                kind=kind,
                state=worst(finding.state for finding in found),
                findings=[finding.as_json() for finding in found],
                figures=figures,
                limits=limits.as_json(),
                at=at,
            )
            _fall_back(run, found, limits, at)
    except IntegrityError:
        if not run.checks.filter(kind=kind, challenger=challenger).exists():
            raise
        return None
    _tell(check)
    return check


def _fall_back(run: ScoringRun, found: Sequence[Finding], limits: Limits, at: datetime) -> None:
    breach = next(
        (one for one in found if one.state is CheckState.BREACH and one.what in _CAUSES), None
    )
    if breach is None or limits.fall_back is FallBackOn.NEVER or run.use != Use.MODEL:
        return
    if run.state == RunState.SHADOW:
        return  # Nothing is published that could be fallen back from.
    held = use_open(scorer_key=run.scorer_key)
    # What was published before the model came (back) into use is no evidence against it now.
    if held is not None and run.started_at < held.since:
        return
    cause = _CAUSES[breach.what]
    judged = cause in (UseCause.OUTCOMES, UseCause.CALIBRATION)
    try:
        use_set(
            scorer_key=run.scorer_key,
            use=Use.BASELINE,
            cause=cause,
            reason=f"run {run.pk}: {breach.what} {_told(breach)}",
            judged_as_of=run.as_of if judged else None,
        )
    except ModelChangeError as error:
        logger.warning("Scorer %s does not fall back: %s", run.scorer_key, error)
        return
    enqueue(
        "scoring.run",
        queue=scorer_queue(run.scorer_key),
        scorer_key=run.scorer_key,
        as_of=at.isoformat(),
    )


def _told(finding: Finding) -> str:
    return "" if finding.value is None else f"{finding.value:.4g} (limit {finding.limit:.4g})"


def _tell(check: ModelCheck) -> None:
    if check.state == CheckState.BREACH:
        logger.error("Monitoring found a breach: %s: %s", check, check.findings)
