"""Which model version is champion, shadow, challenger or retired, and how that changes."""

from django.db import transaction
from django.utils.translation import gettext as _

from lifecycle_engine.scoring.change_models import ChangeCause, ModelChange
from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.models import ModelState, ModelVersion
from lifecycle_engine.scoring.monitoring.uses import champion_follow

#: Of whom there is one at most, and what becomes of the one before.
_GIVES_WAY = {
    ModelState.CHAMPION: ModelState.RETIRED,
    ModelState.SHADOW: ModelState.CHALLENGER,
}


@transaction.atomic
def model_move(
    *,
    version_id: int,
    to: ModelState,
    reason: str,
    by: str = "",
    cause: ChangeCause = ChangeCause.HAND,
) -> ModelVersion:
    """Bring a model version to another state; whoever holds a place of one gives way.

    Moves of one scorer's versions wait for one another, and each is recorded with its reason.

    Raises:
        ModelChangeError: there is no such version, it is in that state already, it is the champion
            and would leave the scorer without one, or reason or name is missing. Nothing changes.
    """
    reason, by = reason.strip(), by.strip()
    if cause is not ChangeCause.RULE and not (reason and by):
        raise ModelChangeError(_("A change by hand needs a reason, and who makes it."))
    version = _locked(version_id)
    if version.state == to:
        raise ModelChangeError(
            _("%(model)s is in this state already: %(state)s.")
            % {"model": version, "state": version.get_state_display()}
        )
    if version.state == ModelState.CHAMPION:
        raise ModelChangeError(
            _("%(model)s is the champion: promote another one in its place.") % {"model": version}
        )
    if to in _GIVES_WAY:
        holder = ModelVersion.objects.filter(scorer_key=version.scorer_key, state=to).first()
        if holder is not None:
            _set(holder, _GIVES_WAY[to], cause, f"gives way to #{version.number}: {reason}", by)
    _set(version, to, cause, reason, by)
    if to is ModelState.CHAMPION:
        champion_follow(champion=version, by=by, reason=reason)
    return version


@transaction.atomic
def model_roll_back(*, scorer_key: str, reason: str, by: str) -> ModelVersion:
    """Make the version champion again that the current one has replaced.

    Raises:
        ModelChangeError: there was none before, or reason or name is missing.
    """
    champion = ModelVersion.objects.filter(scorer_key=scorer_key, state=ModelState.CHAMPION).first()
    if champion is None:
        raise ModelChangeError(
            _("%(scorer)s has no champion to roll back from.") % {"scorer": scorer_key}
        )
    _locked(champion.pk)
    before = model_before(champion=champion)
    if before is None:
        raise ModelChangeError(_("There was no champion before %(model)s.") % {"model": champion})
    return model_move(
        version_id=before.pk,
        to=ModelState.CHAMPION,
        reason=reason,
        by=by,
        cause=ChangeCause.ROLL_BACK,
    )


def model_before(*, champion: ModelVersion) -> ModelVersion | None:
    """The newest of the versions that were champion before and are retired."""
    change = (
        ModelChange.objects.filter(
            scorer_key=champion.scorer_key,
            before=ModelState.CHAMPION,
            model_version__state=ModelState.RETIRED,
        )
        .exclude(model_version=champion)
        .select_related("model_version")
        .order_by("-pk")
        .first()
    )
    return None if change is None else change.model_version


def _locked(version_id: int) -> ModelVersion:
    """The version as it is once all of its scorer's versions are locked."""
    found = ModelVersion.objects.filter(pk=version_id).values_list("scorer_key", flat=True).first()
    if found is None:
        raise ModelChangeError(
            _("There is no model version %(version)s.") % {"version": version_id}
        )
    # All of them in one order: of two who promote at once the second waits, then sees the first.
    versions = ModelVersion.objects.select_for_update().filter(scorer_key=found).order_by("pk")
    return next(version for version in versions if version.pk == version_id)


def _set(version: ModelVersion, to: ModelState, cause: ChangeCause, reason: str, by: str) -> None:
    before, version.state = version.state, to
    version.save(update_fields=["state"])
    ModelChange.objects.create(
        scorer_key=version.scorer_key,
        model_version=version,
        before=before,
        after=to,
        cause=cause,
        reason=reason[:300],
        by=by,
    )
