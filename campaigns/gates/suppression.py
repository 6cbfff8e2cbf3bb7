"""No message to an address that must not be written to."""

from datetime import datetime

from campaigns.gates.facts import Facts, Verdict
from campaigns.journeys import Policy
from campaigns.models import Outcome


def suppression(facts: Facts, policy: Policy, at: datetime) -> Verdict | None:
    """Stop the step for a suppressed address."""
    del policy, at
    return Verdict("suppression", Outcome.SUPPRESSED) if facts.suppressed else None
