"""How each scorer stands: what monitoring has found, what is published, and who is not in use."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Max

from lifecycle_engine.core.models import JobRun, JobState
from lifecycle_engine.scoring.check_models import CheckKind, CheckState, ModelCheck
from lifecycle_engine.scoring.errors import Need
from lifecycle_engine.scoring.models import ModelState, ModelVersion, ScorerMode, ScorerSetting
from lifecycle_engine.scoring.monitoring.findings import Limits, age_finding, worst
from lifecycle_engine.scoring.monitoring.rule import can_fall_back
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.scoring.schedule import days_of, next_night, scores_due_hours
from lifecycle_engine.scoring.selectors import mode_of
from lifecycle_engine.scoring.use_models import ScorerUse, Use
from lifecycle_engine.sdk.scorers import BaseScorer, scorers

#: Judged runs that are shown of a scorer.
OUTCOMES_SHOWN = 12


@dataclass(frozen=True)
class Standing:
    """A scorer in use.

    Attributes:
        scorer_key: the scorer.
        champion: its champion.
        use: what is published; None where that was never written down: the model.
        able: whether the baseline can stand in.
        state: the worst of what holds now.
        findings: what was looked at last, the age of the scores as of now among it.
        run: the newest run that is over; None before the first.
        published: the newest run that was published.
        inputs: the stability index of each feature, the largest first.
        scores: that of the scores.
        outcomes: the figures of judged runs, oldest first.
        mode: whether its scores are published at all.
        challengers: of each version that waits the newest figures beside the champion, with
            ``id``, ``model``, ``state`` and ``champion`` (``monitoring.challengers``).
        setting: what staff have set; None for nothing.
        next_training: the night in which it is trained next; None of one that is off, or whose
            plugin is gone.
    """

    scorer_key: str
    champion: ModelVersion
    use: ScorerUse | None
    able: bool
    state: CheckState
    findings: list[dict[str, Any]]
    run: ScoringRun | None
    published: ScoringRun | None
    inputs: list[dict[str, Any]]
    scores: float | None
    outcomes: list[dict[str, Any]]
    mode: ScorerMode
    challengers: list[dict[str, Any]]
    setting: ScorerSetting | None
    next_training: datetime | None

    @property
    def by_baseline(self) -> bool:
        """Whether the baseline is published."""
        return self.use is not None and self.use.use == Use.BASELINE

    def as_json(self) -> dict[str, Any]:
        """For the API."""
        use = self.use
        return {
            "scorer": self.scorer_key,
            "state": self.state.value,
            "model": self.champion.number,
            "publishes": use.use if use else Use.MODEL.value,
            "since": use.since if use else None,
            "cause": use.cause if use else "",
            "reason": use.reason if use else "",
            "by": use.by if use else "",
            "can_fall_back": self.able,
            "scores_as_of": self.published.as_of if self.published else None,
            "findings": self.findings,
            "inputs": self.inputs,
            "scores": self.scores,
            "outcomes": self.outcomes,
            "mode": self.mode.value,
            "challengers": self.challengers,
            "next_training": self.next_training,
        }


class _Plan(NamedTuple):
    """What is to be done with a scorer, as staff or its plugin say."""

    setting: ScorerSetting | None
    mode: ScorerMode
    next_training: datetime | None


def standings(*, at: datetime, scorer_key: str | None = None) -> list[Standing]:
    """All scorers that have a champion, by key, or the one; a fixed number of queries.

    Args:
        at: business time.
        scorer_key: the one scorer that is asked for.
    """
    champions = ModelVersion.objects.filter(state=ModelState.CHAMPION).order_by("scorer_key")
    if scorer_key is not None:
        champions = champions.filter(scorer_key=scorer_key)
    found = list(champions.defer("card"))
    keys = [one.scorer_key for one in found]
    uses = {
        one.scorer_key: one
        for one in ScorerUse.objects.filter(until=None, scorer_key__in=keys).select_related(
            "model_version"
        )
    }
    over, published = _runs(keys)
    checks, outcomes = _checks(keys)
    waiting, plans = _challengers(keys), _plans(keys, at)
    return [
        _standing(
            champion,
            uses.get(champion.scorer_key),
            (over.get(champion.scorer_key), published.get(champion.scorer_key)),
            checks,
            outcomes[champion.scorer_key],
            plans[champion.scorer_key],
            waiting[champion.scorer_key],
            at,
        )
        for champion in found
    ]


def _standing(
    champion: ModelVersion,
    use: ScorerUse | None,
    runs: tuple[ScoringRun | None, ScoringRun | None],
    checks: dict[tuple[str, str], ModelCheck],
    outcomes: list[ModelCheck],
    plan: _Plan,
    challengers: list[dict[str, Any]],
    at: datetime,
) -> Standing:
    key = champion.scorer_key
    last = checks.get((key, CheckKind.RUN))
    judged = [one for one in outcomes if _holds(one.run, use)]
    findings = [*(last.findings if last else []), *(judged[-1].findings if judged else [])]
    if runs[1] is not None:
        hours = (at - runs[1].as_of).total_seconds() / 3600
        limits = Limits(fresh_hours=scores_due_hours(scorer_key=key, setting=plan.setting))
        findings.append(age_finding(hours, limits).as_json())
    states = [one["state"] for one in findings]
    if use is not None and use.use == Use.BASELINE:
        states.append(CheckState.WARNING)
    figures = last.figures if last else {}
    return Standing(
        scorer_key=key,
        champion=champion,
        use=use,
        able=key in scorers and can_fall_back(scorers.get(key)),
        state=worst(states),
        findings=findings,
        run=runs[0],
        published=runs[1],
        inputs=figures.get("inputs") or [],
        scores=figures.get("scores"),
        outcomes=[one.figures for one in outcomes if one.figures.get("metric")],
        mode=plan.mode,
        challengers=challengers,
        setting=plan.setting,
        next_training=plan.next_training,
    )


def challenges_of(*, version: ModelVersion) -> list[dict[str, Any]]:
    """A version beside the champions of the runs on which it was judged, newest first."""
    checks = version.challenges.select_related("challenger", "run__model_version")
    return [_challenge(check) for check in checks.order_by("-run__as_of")[:OUTCOMES_SHOWN]]


def _challengers(keys: list[str]) -> defaultdict[str, list[dict[str, Any]]]:
    """Of each version that waits what it came to last beside the champion, the shadow first."""
    checks = (
        ModelCheck.objects.filter(
            scorer_key__in=keys,
            kind=CheckKind.CHALLENGER,
            challenger__state__in=[ModelState.SHADOW, ModelState.CHALLENGER],
        )
        .select_related("challenger", "run__model_version")
        .order_by("challenger_id", "-run__as_of")
        .distinct("challenger_id")
    )
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in sorted(map(_challenge, checks), key=lambda one: (one["state"], one["model"])):
        found[one["scorer"]].insert(0, one)
    return found


def _challenge(check: ModelCheck) -> dict[str, Any]:
    assert check.challenger is not None  # noqa: S101 - a constraint says so.
    return {
        "scorer": check.scorer_key,
        "id": check.challenger_id,
        "model": check.challenger.number,
        "state": check.challenger.state,
        "champion": check.run.model_version.number,
        **check.figures,
    }


def _plans(keys: list[str], at: datetime) -> dict[str, _Plan]:
    settings = {one.key: one for one in ScorerSetting.objects.filter(key__in=keys)}
    versions = ModelVersion.objects.filter(scorer_key__in=keys).values("scorer_key")
    # A training counts whatever became of its version.
    trained = dict(versions.annotate(last=Max("as_of")).values_list("scorer_key", "last"))
    return {key: _plan(key, settings.get(key), trained[key], at) for key in keys}


def _plan(key: str, setting: ScorerSetting | None, last: datetime, at: datetime) -> _Plan:
    mode, night = mode_of(scorer_key=key, setting=setting), None
    if key in scorers and mode is not ScorerMode.OFF:
        days = days_of(scorer_key=key, setting=setting).training
        night = next_night(last=last, days=days, at=at)
    return _Plan(setting, mode, night)


def _holds(run: ScoringRun, use: ScorerUse | None) -> bool:
    """Whether a run's outcomes say something of what is published now, or brought it about."""
    if use is None:
        return True
    return run.started_at >= use.since or (
        use.use == Use.BASELINE and run.as_of == use.judged_as_of
    )


def _runs(keys: list[str]) -> tuple[dict[str, ScoringRun], dict[str, ScoringRun]]:
    """Of each scorer the newest run that is over, and the newest that was published."""
    runs = ScoringRun.objects.filter(scorer_key__in=keys).order_by("scorer_key", "-as_of", "-pk")
    over = runs.filter(state__in=[RunState.PUBLISHED, RunState.FAILED])
    newest = over.order_by("scorer_key", "-pk").distinct("scorer_key")
    published = runs.filter(state=RunState.PUBLISHED).distinct("scorer_key")
    return _by_key(newest), _by_key(published)


def _by_key(runs: Iterable[ScoringRun]) -> dict[str, ScoringRun]:
    return {run.scorer_key: run for run in runs}


def _checks(
    keys: list[str],
) -> tuple[dict[tuple[str, str], ModelCheck], defaultdict[str, list[ModelCheck]]]:
    """The newest check of each kind, and the last judged runs of each scorer, oldest first."""
    mine = ModelCheck.objects.filter(scorer_key__in=keys)
    newest = mine.order_by("scorer_key", "kind", "-run_id").distinct("scorer_key", "kind")
    found: defaultdict[str, list[ModelCheck]] = defaultdict(list)
    judged = mine.filter(kind=CheckKind.OUTCOMES).select_related("run").order_by("-run__as_of")
    for check in judged[: OUTCOMES_SHOWN * max(len(keys), 1)]:
        if len(found[check.scorer_key]) < OUTCOMES_SHOWN:
            found[check.scorer_key].insert(0, check)
    return {(one.scorer_key, one.kind): one for one in newest}, found


@dataclass(frozen=True)
class Aside:
    """A scorer without a champion.

    Attributes:
        scorer_class: the scorer.
        mode: whether it is to be trained at all.
        setting: what staff have set; None for nothing.
        needs: what the last training wanted and found too little of.
        error: what it failed of otherwise; empty where it did not, or was never tried.
    """

    scorer_class: type[BaseScorer]
    mode: ScorerMode
    setting: ScorerSetting | None
    needs: list[Need]
    error: str


def scorers_aside() -> list[Aside]:
    """All scorers that have no champion, by key; a fixed number of queries."""
    in_use = set(
        ModelVersion.objects.filter(state=ModelState.CHAMPION).values_list("scorer_key", flat=True)
    )
    found = [one for one in scorers if one.key not in in_use]
    keys = [one.key for one in found]
    settings = {one.key: one for one in ScorerSetting.objects.filter(key__in=keys)}
    trainings = JobRun.objects.filter(name="scoring.train", subject__in=keys)
    last = {
        one.subject: one for one in trainings.order_by("subject", "-started_at").distinct("subject")
    }
    return [
        _aside(one, settings.get(one.key), last.get(one.key))
        for one in sorted(found, key=lambda one: one.key)
    ]


def _aside(
    scorer_class: type[BaseScorer], setting: ScorerSetting | None, last: JobRun | None
) -> Aside:
    needs = [Need(**one) for one in (last.result.get("needs") if last else None) or []]
    failed = last is not None and last.state == JobState.FAILED
    return Aside(
        scorer_class=scorer_class,
        mode=mode_of(scorer_key=scorer_class.key, setting=setting),
        setting=setting,
        needs=needs,
        error=last.error if last and failed and not needs else "",
    )
