"""What each scorer publishes, its model's scores or its baseline's, and how that changes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from lifecycle_engine.scoring.change_models import ChangeCause, ModelChange
from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.models import ModelState, ModelVersion, Score
from lifecycle_engine.scoring.monitoring.rule import CardSays, Fallback, can_fall_back, published
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.scoring.use_models import ScorerUse, Use, UseCause
from lifecycle_engine.sdk.scorers import scorers

#: In the record of changes: the champion stays, and its baseline is published.
BASELINE_IN_USE = "baseline"
_BY_OUTCOMES = (UseCause.OUTCOMES, UseCause.CALIBRATION)


def use_open(*, scorer_key: str) -> ScorerUse | None:
    """What the scorer publishes, since when and why; None before its first model."""
    return (
        ScorerUse.objects.filter(scorer_key=scorer_key, until=None)
        .select_related("model_version")
        .first()
    )


def use_of(*, champion: ModelVersion) -> Use:
    """What a run of the champion publishes."""
    held = use_open(scorer_key=champion.scorer_key)
    if held is not None:
        return Use(held.use)
    return published(CardSays.of(champion.card), can_fall_back=_able(champion.scorer_key))


def uses_published(*, scores: Iterable[Score]) -> dict[tuple[str, datetime], Use]:
    """Whose scores they are, the model's or its baseline's, by scorer and moment: one query."""
    wanted = {(score.scorer_key, score.as_of) for score in scores}
    if not wanted:
        return {}
    runs = ScoringRun.objects.filter(
        state=RunState.PUBLISHED,
        scorer_key__in={key for key, _ in wanted},
        as_of__in={as_of for _, as_of in wanted},
    ).order_by("pk")
    return {(run.scorer_key, run.as_of): Use(run.use) for run in runs}


def use_newest(*, scorer_key: str, as_of: datetime | None = None) -> Use:
    """Whose scores the scorer has published: as of that moment, by default newest."""
    runs = ScoringRun.objects.filter(scorer_key=scorer_key, state=RunState.PUBLISHED)
    if as_of is not None:
        runs = runs.filter(as_of=as_of)
    run = runs.order_by("-as_of", "-pk").first()
    return Use.MODEL if run is None else Use(run.use)


@transaction.atomic
def use_set(
    *,
    scorer_key: str,
    use: Use,
    cause: UseCause,
    reason: str,
    by: str = "",
    judged_as_of: datetime | None = None,
) -> ScorerUse:
    """Have the scorer publish its model's scores, or its baseline's, from the next run on.

    Two who decide at once wait for one another; who publishes meanwhile is waited for.

    Raises:
        ModelChangeError: there is no champion, it does so already, its baseline can't stand in, or
            reason or name of who decides by hand is missing. Nothing changes.
    """
    reason, by = reason.strip(), by.strip()
    if cause is UseCause.HAND and not (reason and by):
        raise ModelChangeError(_("A change by hand needs a reason, and who makes it."))
    champion = _champion_locked(scorer_key)
    if champion is None:
        raise ModelChangeError(
            _("%(scorer)s has no champion yet: train it first.") % {"scorer": scorer_key}
        )
    if use is Use.BASELINE and not _able(scorer_key):
        raise ModelChangeError(
            _("The baseline of %(scorer)s says something else than its model: it can't stand in.")
            % {"scorer": scorer_key}
        )
    if use_of(champion=champion) is use:
        raise ModelChangeError(
            _("%(scorer)s publishes this already: %(use)s.")
            % {"scorer": scorer_key, "use": use.label}
        )
    return _change(champion, use, cause, reason, by, judged_as_of)


def champion_follow(*, champion: ModelVersion, by: str, reason: str) -> None:
    """Decide what is published now that a model has become the champion.

    Called in the transaction that made it so, with the scorer's versions locked. A champion that
    staff have chosen is published, unless its card says that it does not beat its baseline.
    """
    card, able = CardSays.of(champion.card), _able(champion.scorer_key)
    held = use_open(scorer_key=champion.scorer_key)
    if held is None:
        use = published(card, can_fall_back=able)
        _begin(champion, use, UseCause.FIRST if use is Use.MODEL else UseCause.NOT_BETTER)
        return
    fallback = _fallback(held) if held.use == Use.BASELINE else None
    use = published(card, can_fall_back=able, fallback=None if by else fallback)
    if use is Use(held.use):
        return
    if use is Use.BASELINE:
        _change(champion, use, UseCause.NOT_BETTER, "not better than its baseline", by)
    else:
        cause = UseCause.HAND if by else UseCause.PROMOTION
        _change(champion, use, cause, reason if by else "better than its baseline", by)


def _fallback(held: ScorerUse) -> Fallback:
    days = 2 * scorers.get(held.scorer_key).horizon_days if held.scorer_key in scorers else 0
    recent = ScorerUse.objects.filter(
        scorer_key=held.scorer_key,
        use=Use.BASELINE,
        cause__in=_BY_OUTCOMES,
        since__gte=held.since - timedelta(days=days),
    )
    return Fallback(UseCause(held.cause), held.judged_as_of, recent.count())


def _able(scorer_key: str) -> bool:
    return scorer_key in scorers and can_fall_back(scorers.get(scorer_key))


def _champion_locked(scorer_key: str) -> ModelVersion | None:
    """The champion, with all of the scorer's versions locked in one order."""
    versions = ModelVersion.objects.select_for_update().filter(scorer_key=scorer_key).order_by("pk")
    return next((one for one in versions if one.state == ModelState.CHAMPION), None)


def _change(
    champion: ModelVersion,
    use: Use,
    cause: UseCause,
    reason: str,
    by: str = "",
    judged_as_of: datetime | None = None,
) -> ScorerUse:
    ScorerUse.objects.filter(scorer_key=champion.scorer_key, until=None).update(until=Now())
    return _begin(champion, use, cause, reason, by, judged_as_of)


def _begin(
    champion: ModelVersion,
    use: Use,
    cause: UseCause,
    reason: str = "",
    by: str = "",
    judged_as_of: datetime | None = None,
) -> ScorerUse:
    states = [ModelState.CHAMPION.value, BASELINE_IN_USE]
    if cause is not UseCause.FIRST:
        before, after = states if use is Use.BASELINE else reversed(states)
        ModelChange.objects.create(
            scorer_key=champion.scorer_key,
            model_version=champion,
            before=before,
            after=after,
            cause=ChangeCause.HAND if by else ChangeCause.RULE,
            reason=(reason or "not better than its baseline")[:300],
            by=by,
        )
    return ScorerUse.objects.create(
        scorer_key=champion.scorer_key,
        use=use,
        cause=cause,
        reason=reason[:300],
        by=by,
        model_version=champion,
        judged_as_of=judged_as_of,
    )
