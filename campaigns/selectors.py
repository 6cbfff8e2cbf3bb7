"""Reading campaigns: what a step needs to know, what is due, books and results."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from campaigns.books import CampaignBooks, StepBook, campaign_books
from campaigns.gates.facts import Facts
from campaigns.journeys import Policy
from campaigns.models import Arm, CampaignState, CampaignVersion, Enrolment
from campaigns.results import ArmResult, CampaignResult, campaign_results
from campaigns.statistics import Difference
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.consents import consents_granted
from lifecycle_engine.customers.selectors import customers_whole
from lifecycle_engine.messaging.selectors import suppressed
from lifecycle_engine.scoring.models import Score
from lifecycle_engine.sdk.actions import Recipient, actions
from lifecycle_engine.sdk.channels import channels
from lifecycle_engine.segments.models import Membership

__all__ = [
    "ArmResult",
    "CampaignBooks",
    "CampaignResult",
    "Claimed",
    "Difference",
    "StepBook",
    "campaign_books",
    "campaign_results",
    "campaign_version_newest",
    "enrolments_due",
    "recipients_of",
    "scores_now",
    "step_facts",
]

_RECIPIENT_FIELDS = (
    *("external_id", "email", "phone", "first_name", "last_name"),
    *("language", "time_zone", "country"),
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An enrolment that a worker has taken up."""

    id: int
    occurrence_id: int
    customer_id: int
    arm: str
    step: str
    context: Mapping[str, Any]
    attempts: int

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> "Claimed":
        """From a row of ``sql/enrolments_claim.sql``, in which JSON is still text."""
        key, occurrence_id, customer_id, arm, step, context, attempts = row
        return cls(key, occurrence_id, customer_id, arm, step, json.loads(context), attempts)


def campaign_version_newest(*, campaign_id: int) -> CampaignVersion | None:
    """The version that fires now, or None before the first publication."""
    return CampaignVersion.objects.filter(campaign_id=campaign_id).order_by("-number").first()


def enrolments_due(*, at: datetime) -> bool:
    """Whether anybody can be moved on."""
    return (
        Enrolment.objects.filter(
            Q(lease_until=None) | Q(lease_until__lt=Now()),
            state=Enrolment.State.ACTIVE,
            due_at__lte=at,
        )
        .exclude(occurrence__campaign__state=CampaignState.PAUSED)
        .exists()
    )


def recipients_of(*, claimed: Sequence[Claimed]) -> tuple[Recipient, ...]:
    """The customers of enrolments as actions see them, in the same order."""
    known = customers_whole(profile_ids=[row.customer_id for row in claimed])
    return tuple(
        Recipient(
            id=row.customer_id,
            context=row.context,
            **{name: getattr(known[row.customer_id], name) for name in _RECIPIENT_FIELDS},
        )
        for row in claimed
    )


def scores_now(*, customer_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Every score of the customers with its model version, as plain JSON for the ledger."""
    found: dict[int, dict[str, Any]] = {}
    fields = ("customer_id", "scorer_key", "value", "percentile", "model_version_id", "as_of")
    rows = Score.objects.filter(customer_id__in=customer_ids).values_list(*fields)
    for customer_id, scorer_key, value, percentile, model_version_id, as_of in rows:
        found.setdefault(customer_id, {})[scorer_key] = {
            "value": value,
            "percentile": percentile,
            "model_version": model_version_id,
            "as_of": as_of.isoformat(),
        }
    return found


def step_facts(
    *,
    claimed: Sequence[Claimed],
    channel: str,
    policy: Policy,
    segment_id: int,
    at: datetime,
) -> dict[int, Facts]:
    """What the gates look at, by customer; a handful of statements for the whole batch.

    With a frequency cap it also takes a lock to the end of the transaction: see
    ``sql/frequency_lock.sql``.
    """
    treated = [row for row in claimed if row.arm == Arm.TREATED]
    ids = [row.customer_id for row in treated]
    members = _members(ids, segment_id) if policy.stay_in_segment else set(ids)
    facts = {row.customer_id: Facts(arm=row.arm) for row in claimed}
    if not channel:
        return facts | {key: Facts(in_segment=key in members) for key in ids}
    carrier = channels.get(channel)()
    granted = consents_granted(customer_ids=ids, channel=channel, purpose=policy.purpose, at=at)
    blocked = suppressed(customer_ids=ids, channel=channel, purpose=policy.purpose)
    recent = _messages_recent(ids, policy, at)
    for recipient in recipients_of(claimed=treated):
        facts[recipient.id] = Facts(
            consented=recipient.id in granted,
            suppressed=recipient.id in blocked,
            address=carrier.address(recipient),
            recent_messages=recent.get(recipient.id, 0),
            time_zone=recipient.time_zone,
            in_segment=recipient.id in members,
        )
    return facts


def _members(customer_ids: Sequence[int], segment_id: int) -> set[int]:
    rows = Membership.objects.filter(segment_id=segment_id, customer_id__in=customer_ids)
    return set(rows.values_list("customer_id", flat=True))


def _messages_recent(customer_ids: Sequence[int], policy: Policy, at: datetime) -> dict[int, int]:
    if policy.frequency_cap is None:
        return {}
    sql_rows("campaigns", "frequency_lock")
    rows = sql_rows(
        "campaigns",
        "messages_recent",
        {
            "customer_ids": list(customer_ids),
            "actions": [action.key for action in actions if action.channel],
            "since": at - timedelta(days=policy.frequency_cap.days),
        },
    )
    return dict(rows)
