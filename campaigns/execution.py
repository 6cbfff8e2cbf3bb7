"""One step of a journey for a batch of customers: gates, action, ledger, next step."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, IntegrityError, transaction

from campaigns.gates.budget import budget
from campaigns.gates.chain import verdict
from campaigns.journeys import Documents
from campaigns.models import Arm, Enrolment, Outcome
from campaigns.selectors import Claimed, recipients_of, scores_now, step_facts
from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.sql import sql_execute
from lifecycle_engine.sdk.actions import Action, ActionOutcome, Batch, OutcomeKind, Recipient
from lifecycle_engine.sdk.errors import SdkError, TransientError

#: What a customer's data can do to an action. Anything else (a lost connection, a deadlock) is no
#: customer's fault: it rolls the batch back, and the next worker starts it over.
_CUSTOMER_ERRORS = (
    SdkError,
    ObjectDoesNotExist,
    IntegrityError,
    DataError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
)
_REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class StepPlan:
    """Which step of which occurrence is executed, and by which rules."""

    campaign_key: str
    campaign_name: str
    occurrence_id: int
    segment_id: int
    documents: Documents
    step: str
    action: Action[Any]
    at: datetime

    @property
    def chances(self) -> tuple[dict[str, float], float, float]:
        """The alternatives at this step, and the chance of being treated and of being held out.

        Only the entry involves chance; see ``models.Decision`` for what follows from that.
        """
        share = self.documents.policy.holdout
        if self.step != self.documents.journey.start or share == 0:
            return {"treat": 1.0}, 1.0, share
        treat = round(1 - share, 12)
        return {"treat": treat, "hold_out": share}, treat, share


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided for one customer, and where that leads."""

    enrolment: Claimed
    outcome: Outcome
    gate: str = ""
    stops: bool = False
    until: datetime | None = None
    reference: str = ""
    reason: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


def step_execute(*, plan: StepPlan, claimed: Sequence[Claimed]) -> None:
    """Decide, act, write the ledger and move everyone on, inside the caller's transaction.

    Raises:
        TransientError: the action can't work now; the caller rolls back and tries again later.
    """
    decided = list(_decide(plan, claimed))
    _ledger_write(plan, decided)
    _move(plan, decided)


def step_fail(*, plan: StepPlan, claimed: Sequence[Claimed], reason: str) -> None:
    """Write down that the step failed for all of them, and end their journeys."""
    decided = [Decided(row, Outcome.FAILED, reason=reason, stops=True) for row in claimed]
    _ledger_write(plan, decided)
    _move(plan, decided)


def _decide(plan: StepPlan, claimed: Sequence[Claimed]) -> Iterator[Decided]:
    facts = step_facts(
        claimed=claimed,
        channel=plan.action.channel,
        policy=plan.documents.policy,
        segment_id=plan.segment_id,
        at=plan.at,
    )
    passing: list[Claimed] = []
    for row in claimed:
        stopped = verdict(
            facts=facts[row.customer_id],
            policy=plan.documents.policy,
            at=plan.at,
            message=bool(plan.action.channel),
        )
        if stopped is None:
            passing.append(row)
        else:
            yield Decided(
                row, stopped.outcome, gate=stopped.gate, stops=stopped.stops, until=stopped.until
            )
    outcomes = _act(plan.action, _batch(plan, passing))
    for row in passing:
        yield _decided_by_action(row, outcomes[row.customer_id], plan.action)


def _batch(plan: StepPlan, rows: Sequence[Claimed]) -> Batch:
    return Batch(
        campaign_key=plan.campaign_key,
        campaign_name=plan.campaign_name,
        occurrence_id=plan.occurrence_id,
        step=plan.step,
        at=plan.at,
        recipients=recipients_of(claimed=rows),
    )


def _act(action: Action[Any], batch: Batch) -> Mapping[int, ActionOutcome]:
    """Execute for all at once; on an error halve the batch until only the cause of it is left."""
    if not batch.recipients:
        return {}
    try:
        with transaction.atomic():
            outcomes = action.execute(batch)
            _check_complete(outcomes, batch.recipients)
            return outcomes
    except TransientError:
        raise
    except _CUSTOMER_ERRORS as error:
        if len(batch.recipients) == 1:
            reason = f"{type(error).__name__}: {error}"
            return {batch.recipients[0].id: ActionOutcome.failed(reason=reason)}
    middle = len(batch.recipients) // 2
    return {
        **_act(action, replace(batch, recipients=batch.recipients[:middle])),
        **_act(action, replace(batch, recipients=batch.recipients[middle:])),
    }


def _check_complete(outcomes: Mapping[int, ActionOutcome], recipients: Sequence[Recipient]) -> None:
    missing = [recipient.id for recipient in recipients if recipient.id not in outcomes]
    if missing:
        raise LookupError(f"the action gave no outcome for customer {missing[0]}")


def _decided_by_action(row: Claimed, outcome: ActionOutcome, action: Action[Any]) -> Decided:
    refused = budget(outcome, required=action.required)
    if refused is not None:
        return Decided(
            row, refused.outcome, gate=refused.gate, stops=refused.stops, reason=outcome.reason
        )
    if outcome.kind is OutcomeKind.FAILED:
        return Decided(row, Outcome.FAILED, stops=True, reason=outcome.reason)
    return Decided(
        row, Outcome.ACTED, reference=outcome.reference, context=outcome.context, stops=action.ends
    )


def _ledger_write(plan: StepPlan, decided: Sequence[Decided]) -> None:
    scores = scores_now(customer_ids=[entry.enrolment.customer_id for entry in decided])
    alternatives, treat, hold_out = plan.chances
    chances = json.dumps(alternatives)
    action = plan.documents.journey.steps[plan.step].action
    copy_rows(
        "campaigns_decision",
        [
            *("enrolment_id", "customer_id", "step", "action", "outcome", "gate", "probability"),
            *("alternatives", "arm", "scores", "reference", "reason", "decided_at"),
        ],
        (
            (
                entry.enrolment.id,
                entry.enrolment.customer_id,
                plan.step,
                action,
                str(entry.outcome),
                entry.gate,
                hold_out if entry.enrolment.arm == Arm.HOLDOUT else treat,
                chances,
                entry.enrolment.arm,
                json.dumps(scores.get(entry.enrolment.customer_id, {})),
                entry.reference,
                entry.reason[:_REASON_LENGTH],
                plan.at,
            )
            for entry in decided
        ),
    )


def _move(plan: StepPlan, decided: Sequence[Decided]) -> None:
    following = plan.documents.journey.steps[plan.step].next
    moved = [_standing(plan, entry, following) for entry in decided]
    sql_execute(
        "campaigns",
        "enrolments_move",
        {
            "ids": [entry.enrolment.id for entry in decided],
            "states": [str(state) for state, _, _ in moved],
            "steps": [step for _, step, _ in moved],
            "due_ats": [due_at for _, _, due_at in moved],
            "contexts": [
                json.dumps({**entry.enrolment.context, **entry.context}) for entry in decided
            ],
            "errors": [
                entry.reason if entry.outcome == Outcome.FAILED else "" for entry in decided
            ],
        },
    )


def _standing(
    plan: StepPlan, entry: Decided, following: str | None
) -> tuple[Enrolment.State, str, datetime]:
    """The state, step and due time after a decision."""
    if entry.until is not None:
        return Enrolment.State.ACTIVE, plan.step, entry.until
    if entry.outcome == Outcome.FAILED:
        return Enrolment.State.FAILED, plan.step, plan.at
    done = entry.outcome in {Outcome.ACTED, Outcome.HELD_OUT}
    if entry.stops and not done:
        return Enrolment.State.STOPPED, plan.step, plan.at
    if entry.stops or following is None:
        return Enrolment.State.DONE, plan.step, plan.at
    return Enrolment.State.ACTIVE, following, plan.at
