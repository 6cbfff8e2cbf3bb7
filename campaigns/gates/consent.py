"""No message without consent for its channel and purpose."""

from datetime import datetime

from campaigns.gates.facts import Facts, Verdict
from campaigns.journeys import Policy
from campaigns.models import Outcome


def consent(facts: Facts, policy: Policy, at: datetime) -> Verdict | None:
    """Stop the step unless the newest consent is a yes."""
    del policy, at
    return None if facts.consented else Verdict("consent", Outcome.NO_CONSENT)
