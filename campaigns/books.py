"""The books of an occurrence: what became of every message that was meant to go out.

Each message step has ``targeted = sent + suppressed + capped + deferred + failed + unknown +
pending``. Every customer counts once:

============  =====================================================================================
sent          outbox: sent, and what it became: delivered, bounced
suppressed    ledger: no consent, no address, suppressed, not eligible, over budget; outbox:
              suppressed (the outbox checks again when it sends)
capped        ledger: capped
deferred      waiting at the step after a deferral
failed        ledger: failed; outbox: failed
unknown       outbox: unknown
pending       waiting at the step; outbox: queued, claimed, sending
============  =====================================================================================

``targeted`` is counted from where the enrolments stand: a treated customer is targeted by a step
once they have reached it. So the sum is a comparison of sources that know nothing of one another,
and ``balanced`` can be false.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from campaigns.journeys import Journey
from campaigns.models import Occurrence, Outcome
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.messaging.models import MessageState
from lifecycle_engine.sdk.actions import actions

_LEDGER = {
    Outcome.NO_CONSENT: "suppressed",
    Outcome.NO_ADDRESS: "suppressed",
    Outcome.SUPPRESSED: "suppressed",
    Outcome.NOT_ELIGIBLE: "suppressed",
    Outcome.OVER_BUDGET: "suppressed",
    Outcome.CAPPED: "capped",
    Outcome.FAILED: "failed",
}
_OUTBOX: Mapping[str, str] = {
    MessageState.QUEUED: "pending",
    MessageState.CLAIMED: "pending",
    MessageState.SENDING: "pending",
    MessageState.SENT: "sent",
    MessageState.DELIVERED: "sent",
    MessageState.BOUNCED: "sent",
    MessageState.SUPPRESSED: "suppressed",
    MessageState.FAILED: "failed",
    MessageState.UNKNOWN: "unknown",
}

#: Counts by (source, step, state), see ``sql/books.sql``.
Counts = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True)
class StepBook:
    """What became of the messages of one step."""

    step: str
    action: str
    channel: str
    targeted: int
    sent: int
    suppressed: int
    capped: int
    deferred: int
    failed: int
    unknown: int
    pending: int
    balanced: bool

    @property
    def accounted(self) -> int:
        """The right side of the books."""
        return (
            self.sent
            + self.suppressed
            + self.capped
            + self.deferred
            + self.failed
            + self.unknown
            + self.pending
        )


@dataclass(frozen=True, slots=True)
class CampaignBooks:
    """The books of an occurrence.

    Attributes:
        audience: customers enrolled, frozen when it fired.
        treated: those who are on their way.
        held_out: those who get nothing.
        steps: one entry per message step, in the journey's order.
        balanced: whether every step balances, and the two arms make up the audience.
    """

    occurrence_id: int
    audience: int
    treated: int
    held_out: int
    steps: tuple[StepBook, ...]
    balanced: bool


def campaign_books(*, occurrence_id: int) -> CampaignBooks:
    """The books of an occurrence as they are now.

    Raises:
        Occurrence.DoesNotExist: there is no such occurrence.
        CampaignDocumentError: the published journey doesn't parse.
    """
    occurrence = Occurrence.objects.select_related("version").get(pk=occurrence_id)
    journey = Journey.model_validate(occurrence.version.journey)
    channels = {
        step: actions.get(journey.steps[step].action).channel
        for step in journey.path()
        if journey.steps[step].action in actions
    }
    message_steps = [step for step, channel in channels.items() if channel]
    counts = _counts(occurrence_id, message_steps)
    arms = Counter[str]()
    for (source, _, _), count in counts.items():
        arms[source] += count
    steps = tuple(_step_book(journey, step, channels[step], counts) for step in message_steps)
    whole = arms["enrolment"] + arms["holdout"] == occurrence.audience
    return CampaignBooks(
        occurrence_id=occurrence_id,
        audience=occurrence.audience,
        treated=arms["enrolment"],
        held_out=arms["holdout"],
        steps=steps,
        balanced=whole and arms["stray"] == 0 and all(step.balanced for step in steps),
    )


def _counts(occurrence_id: int, message_steps: list[str]) -> Counts:
    rows = sql_rows(
        "campaigns",
        "books",
        {
            "occurrence_id": occurrence_id,
            "prefix": f"campaign:{occurrence_id}:%",
            "message_steps": message_steps,
        },
    )
    return {(source, step, state): count for source, step, state, count in rows}


def _step_book(journey: Journey, step: str, channel: str, counts: Counts) -> StepBook:
    path = journey.path()
    reached = set(path[path.index(step) :])
    targeted = sum(
        count
        for (source, at, _), count in counts.items()
        if source == "enrolment" and at in reached
    )
    terms = Counter[str]()
    for (source, at, state), count in counts.items():
        if at == step:
            terms[_term(source, state)] += count
    book = StepBook(
        step=step,
        action=journey.steps[step].action,
        channel=channel,
        targeted=targeted,
        sent=terms["sent"],
        suppressed=terms["suppressed"],
        capped=terms["capped"],
        deferred=terms["deferred"],
        failed=terms["failed"],
        unknown=terms["unknown"],
        pending=terms["pending"],
        balanced=False,
    )
    return replace(book, balanced=book.accounted == targeted and terms["stray"] == 0)


def _term(source: str, state: str) -> str:
    """Which term of the books a count belongs to; empty for those that only check."""
    if source == "outbox":
        return _OUTBOX[state]
    if source == "ledger":
        return _LEDGER.get(Outcome(state), "")
    if source == "waiting":
        return state
    return "stray" if source == "stray" else ""
