"""No message to nowhere."""

from datetime import datetime

from campaigns.gates.facts import Facts, Verdict
from campaigns.journeys import Policy
from campaigns.models import Outcome


def address(facts: Facts, policy: Policy, at: datetime) -> Verdict | None:
    """Stop the step where the channel has no address of the customer."""
    del policy, at
    return None if facts.address.strip() else Verdict("address", Outcome.NO_ADDRESS)
