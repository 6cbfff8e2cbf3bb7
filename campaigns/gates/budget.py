"""Limits that an action keeps itself, such as an offer's budget, as verdicts."""

from campaigns.gates.facts import Verdict
from campaigns.models import Outcome
from lifecycle_engine.sdk.actions import ActionOutcome, OutcomeKind


def budget(outcome: ActionOutcome, *, required: bool) -> Verdict | None:
    """What a refusal by the action comes to.

    The limit itself is one conditional statement in the database, so it can only be known
    afterwards: a look before would be wrong as soon as two workers look at once.
    """
    if outcome.kind is not OutcomeKind.REFUSED:
        return None
    ledger = Outcome.OVER_BUDGET if outcome.gate == "budget" else Outcome.NOT_ELIGIBLE
    return Verdict(outcome.gate, ledger, stops=required)
