"""Not more messages than a customer should get."""

from datetime import datetime

from campaigns.gates.facts import Facts, Verdict
from campaigns.journeys import Policy
from campaigns.models import Outcome


def frequency_cap(facts: Facts, policy: Policy, at: datetime) -> Verdict | None:
    """Stop the step when the cap's window is full already."""
    del at
    cap = policy.frequency_cap
    if cap is None or facts.recent_messages < cap.messages:
        return None
    return Verdict("frequency_cap", Outcome.CAPPED)
