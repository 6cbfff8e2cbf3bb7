"""Writing campaigns: saving, publishing, firing, moving customers on, pausing."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import (
    ActionMissingError,
    AudienceTooLargeError,
    AudienceUnknownError,
    CampaignDocumentError,
    CampaignPausedError,
    CampaignStateError,
    DocumentProblem,
)
from campaigns.execution import StepPlan, step_execute, step_fail
from campaigns.gates.blast_radius import blast_radius_exceeded
from campaigns.journeys import Documents, documents_check, documents_read, step_action
from campaigns.models import Campaign, CampaignState, CampaignVersion, Occurrence
from campaigns.selectors import Claimed, campaign_version_newest
from campaigns.triggers.schedule import ScheduleTrigger, schedule_newest, schedule_next
from lifecycle_engine.core import jobs
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.sdk.channels import channels
from lifecycle_engine.sdk.errors import TransientError
from lifecycle_engine.segments.models import Membership, Segment, SegmentState

logger = logging.getLogger(__name__)

#: Passing failures of a step before it counts as failed for the customers; the waits between them
#: double from 30 seconds, so that is about an hour.
MAX_ATTEMPTS = 7
_REASON_LENGTH = 300


def campaign_save(
    *,
    key: str,
    name: str,
    segment_id: int,
    trigger: Mapping[str, Any],
    journey: Mapping[str, Any],
    policy: Mapping[str, Any],
) -> Campaign:
    """Create the campaign with that key, or change its draft. Nothing fires before publishing.

    Raises:
        CampaignDocumentError: a document is wrong, or there is no such segment; nothing is saved.
    """
    if not Segment.objects.filter(pk=segment_id).exists():
        raise CampaignDocumentError(
            [DocumentProblem("segment", segment_id, _("there is no such segment"))]
        )
    documents = documents_check(trigger=trigger, journey=journey, policy=policy)
    campaign, _created = Campaign.objects.update_or_create(
        key=key, defaults={"name": name, "segment_id": segment_id, **_dumped(documents)}
    )
    return campaign


@transaction.atomic
def campaign_publish(*, campaign_id: int, at: datetime) -> CampaignVersion:
    """Make the draft the version that fires, and approve its audience at its present size.

    Publishing what is published already makes no new version; a paused campaign goes on.

    Raises:
        CampaignDocumentError: the draft points at something that is gone since it was saved.
        AudienceUnknownError: the segment is archived or could not be evaluated.
    """
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    documents = documents_check(
        trigger=campaign.trigger, journey=campaign.journey, policy=campaign.policy
    )
    _segment_check(campaign.segment)
    wanted = {
        "segment_id": campaign.segment_id,
        "approved_size": Membership.objects.filter(segment_id=campaign.segment_id).count(),
        **_dumped(documents),
    }
    newest = campaign_version_newest(campaign_id=campaign_id)
    if newest is not None and all(getattr(newest, name) == value for name, value in wanted.items()):
        if campaign.state != CampaignState.FINISHED:
            _go_live(campaign)
        return newest
    number = 1 if newest is None else newest.number + 1
    _go_live(campaign)
    return CampaignVersion.objects.create(
        campaign=campaign, number=number, published_at=at, **wanted
    )


def campaign_pause(*, campaign_id: int, reason: str) -> None:
    """Stop firing and moving on, and show why. Customers stay where they are."""
    Campaign.objects.filter(pk=campaign_id).update(
        state=CampaignState.PAUSED, pause_reason=reason[:_REASON_LENGTH]
    )


def campaign_resume(*, campaign_id: int) -> None:
    """Let a paused campaign go on as it was published.

    Raises:
        CampaignStateError: it isn't paused, or was never published.
        CampaignPausedError: what paused it is still wrong.
    """
    campaign = Campaign.objects.get(pk=campaign_id)
    version = campaign_version_newest(campaign_id=campaign_id)
    if campaign.state != CampaignState.PAUSED or version is None:
        raise CampaignStateError(f"Campaign {campaign.key!r} is {campaign.state}, not paused")
    _journey_check(_documents_of(version))
    _go_live(campaign)
    jobs.enqueue("campaigns.advance")


def campaigns_fire_due(*, at: datetime) -> list[Occurrence]:
    """Fire every live campaign whose moment has come and hasn't been used.

    A campaign that can't fire is paused with its reason; the others fire all the same.
    """
    fired = []
    for campaign in Campaign.objects.filter(state=CampaignState.LIVE).order_by("pk"):
        try:
            fire_at = _due_moment(campaign, at)
            if fire_at is not None:
                fired.append(campaign_fire(campaign_id=campaign.pk, fire_at=fire_at, at=at))
        except (CampaignPausedError, CampaignDocumentError) as error:
            campaign_pause(campaign_id=campaign.pk, reason=str(error))
            logger.warning("Campaign %s is paused: %s", campaign.key, error)
    return fired


def campaign_fire(*, campaign_id: int, fire_at: datetime, at: datetime) -> Occurrence:
    """Enrol the audience for one moment, once: a second call for the moment changes nothing.

    Args:
        campaign_id: the campaign.
        fire_at: the moment of its schedule; what makes the occurrence unique.
        at: now; when the first step is due.

    Raises:
        CampaignStateError: the campaign isn't live.
        CampaignPausedError: it may not fire and is paused now: the audience is unknown or has grown
            too far, or an action is missing. Nobody is enrolled.
    """
    try:
        return _fire(campaign_id, fire_at, at)
    except CampaignPausedError as error:
        campaign_pause(campaign_id=campaign_id, reason=str(error))
        raise


def enrolments_advance(*, limit: int, at: datetime) -> int:
    """Take up to ``limit`` due customers one step further; returns how many were taken up.

    Claim, gates, action, ledger and next step are one transaction: whoever is killed leaves
    nothing, and whoever comes next starts from the same place. Rows that another worker holds are
    passed over.
    """
    with transaction.atomic():
        rows = sql_rows("campaigns", "enrolments_claim", {"limit": limit, "at": at})
        claimed = [Claimed.of_row(row) for row in rows]
        for (occurrence_id, step), group in _grouped(claimed).items():
            _step_advance(occurrence_id, step, group, at)
    if not claimed:
        occurrences_finish(at=at)
    return len(claimed)


@transaction.atomic
def occurrences_finish(*, at: datetime) -> int:
    """Close occurrences that nobody is on the way through, and campaigns that won't fire again."""
    finished = sql_rows("campaigns", "occurrences_finish")
    for campaign_id in {campaign_id for _occurrence_id, campaign_id in finished}:
        version = campaign_version_newest(campaign_id=campaign_id)
        running = Occurrence.objects.filter(campaign_id=campaign_id, state=Occurrence.State.RUNNING)
        if version is None or running.exists():
            continue
        trigger = ScheduleTrigger.model_validate(version.trigger)
        if schedule_next(trigger, after=at) is None:
            Campaign.objects.filter(pk=campaign_id, state=CampaignState.LIVE).update(
                state=CampaignState.FINISHED
            )
    return len(finished)


@transaction.atomic
def _fire(campaign_id: int, fire_at: datetime, at: datetime) -> Occurrence:
    known = Occurrence.objects.filter(campaign_id=campaign_id, fire_at=fire_at).first()
    if known is not None:
        return known
    campaign = Campaign.objects.get(pk=campaign_id)
    version = campaign_version_newest(campaign_id=campaign_id)
    if campaign.state != CampaignState.LIVE or version is None:
        raise CampaignStateError(f"Campaign {campaign.key!r} is {campaign.state}, not live")
    documents = _documents_of(version)
    _journey_check(documents)
    _segment_check(version.segment)
    created = sql_rows(
        "campaigns",
        "occurrence_create",
        {"campaign_id": campaign_id, "version_id": version.pk, "fire_at": fire_at},
    )
    if created:
        _enrol(created[0][0], campaign.key, version, documents, at)
    return Occurrence.objects.get(campaign_id=campaign_id, fire_at=fire_at)


def _enrol(
    occurrence_id: int,
    campaign_key: str,
    version: CampaignVersion,
    documents: Documents,
    at: datetime,
) -> None:
    audience = sql_execute(
        "campaigns",
        "enrolments_create",
        {
            "occurrence_id": occurrence_id,
            "segment_id": version.segment_id,
            "campaign_key": campaign_key,
            "holdout": documents.policy.holdout,
            "step": documents.journey.start,
            "due_at": at,
        },
    )
    growth = documents.policy.max_audience_growth
    if blast_radius_exceeded(audience=audience, approved=version.approved_size, growth=growth):
        raise AudienceTooLargeError(
            _(
                "The audience has %(audience)d customers, more than %(growth)g times the "
                "%(approved)d that were approved. Publish again to approve the new size."
            )
            % {"audience": audience, "growth": growth, "approved": version.approved_size}
        )
    Occurrence.objects.filter(pk=occurrence_id).update(audience=audience)
    jobs.enqueue("campaigns.advance")


def _step_advance(occurrence_id: int, step: str, rows: Sequence[Claimed], at: datetime) -> None:
    occurrence = Occurrence.objects.select_related("campaign", "version").get(pk=occurrence_id)
    campaign = occurrence.campaign
    try:
        documents = _documents_of(occurrence.version)
        _step_check(documents, step)
    except (CampaignPausedError, CampaignDocumentError) as error:
        campaign_pause(campaign_id=campaign.pk, reason=str(error))
        logger.warning("Campaign %s is paused: %s", campaign.key, error)
        return
    plan = StepPlan(
        campaign_key=campaign.key,
        campaign_name=campaign.name,
        occurrence_id=occurrence_id,
        segment_id=occurrence.version.segment_id,
        documents=documents,
        step=step,
        action=step_action(documents.journey, step),
        at=at,
    )
    try:
        with transaction.atomic():
            step_execute(plan=plan, claimed=rows)
    except TransientError as error:
        _retry_later(plan, rows, str(error))


def _retry_later(plan: StepPlan, rows: Sequence[Claimed], reason: str) -> None:
    worn_out = [row for row in rows if row.attempts + 1 >= MAX_ATTEMPTS]
    if worn_out:
        step_fail(plan=plan, claimed=worn_out, reason=reason)
    ids = [row.id for row in rows if row.attempts + 1 < MAX_ATTEMPTS]
    sql_execute("campaigns", "enrolments_retry", {"ids": ids, "error": reason})


def _grouped(claimed: Iterable[Claimed]) -> Mapping[tuple[int, str], list[Claimed]]:
    groups: defaultdict[tuple[int, str], list[Claimed]] = defaultdict(list)
    for row in claimed:
        groups[row.occurrence_id, row.step].append(row)
    return groups


def _due_moment(campaign: Campaign, at: datetime) -> datetime | None:
    """The newest moment that is due since the newest version, unless it was used."""
    version = campaign_version_newest(campaign_id=campaign.pk)
    if version is None:
        return None
    trigger = _documents_of(version).trigger
    moment = schedule_newest(trigger, since=version.published_at, until=at)
    if moment is None or Occurrence.objects.filter(campaign=campaign, fire_at=moment).exists():
        return None
    return moment


def _documents_of(version: CampaignVersion) -> Documents:
    return documents_read(trigger=version.trigger, journey=version.journey, policy=version.policy)


def _dumped(documents: Documents) -> dict[str, Any]:
    """The documents as they are stored.

    All defaults are written out, so that another default in a later release changes nothing that
    was approved.
    """
    return {
        "trigger": documents.trigger.model_dump(mode="json"),
        "journey": documents.journey.model_dump(mode="json"),
        "policy": documents.policy.model_dump(mode="json"),
    }


def _go_live(campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.LIVE, pause_reason="")


def _segment_check(segment: Segment) -> None:
    """See that the audience is one that can be acted on: unknown is neither empty nor everybody."""
    if segment.state == SegmentState.ARCHIVED:
        raise AudienceUnknownError(_("The segment “%s” is archived.") % segment.key)
    if segment.as_of is None and not segment.error:
        raise AudienceUnknownError(
            _("The segment “%s” has not been computed yet: try again in a moment.") % segment.key
        )
    if segment.error:
        raise AudienceUnknownError(
            _("The segment “%(key)s” could not be evaluated: %(error)s")
            % {"key": segment.key, "error": segment.error}
        )


def _journey_check(documents: Documents) -> None:
    for step in documents.journey.path():
        _step_check(documents, step)


def _step_check(documents: Documents, step: str) -> None:
    """See that what a step needs is still there, before anybody fails for want of it.

    Raises:
        ActionMissingError: the channel, template, offer or the like is gone; names it.
    """
    action = step_action(documents.journey, step)
    if action.channel and action.channel not in channels:
        raise ActionMissingError(
            _(
                "Step “%(step)s” needs the channel “%(channel)s”, which is not there: its plugin "
                "is missing or switched off."
            )
            % {"step": step, "channel": action.channel}
        )
    for problem in action.problems():
        path = f"journey.steps.{step}.config.{problem.field}"
        raise ActionMissingError(str(DocumentProblem(path, problem.value, problem.message)))
