"""The gates in their order."""

from collections.abc import Callable, Sequence
from datetime import datetime

from campaigns.gates.address import address
from campaigns.gates.consent import consent
from campaigns.gates.eligibility import eligibility
from campaigns.gates.facts import Facts, Verdict
from campaigns.gates.frequency_cap import frequency_cap
from campaigns.gates.holdout import holdout
from campaigns.gates.quiet_hours import quiet_hours
from campaigns.gates.suppression import suppression
from campaigns.journeys import Policy

Gate = Callable[[Facts, Policy, datetime], Verdict | None]

#: Before any action.
STEP_GATES: Sequence[Gate] = (holdout, eligibility)
#: Before a message as well. Quiet hours come last: only what would be sent is put off, so nobody
#: waits for the morning to be refused then.
MESSAGE_GATES: Sequence[Gate] = (
    *STEP_GATES,
    consent,
    address,
    suppression,
    frequency_cap,
    quiet_hours,
)


def verdict(*, facts: Facts, policy: Policy, at: datetime, message: bool) -> Verdict | None:
    """What the first gate says that stops the step; None when all let it pass."""
    for gate in MESSAGE_GATES if message else STEP_GATES:
        found = gate(facts, policy, at)
        if found is not None:
            return found
    return None
