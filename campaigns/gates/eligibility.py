"""Whether the customer still belongs to the audience, where the policy asks for that."""

from datetime import datetime

from campaigns.gates.facts import Facts, Verdict
from campaigns.journeys import Policy
from campaigns.models import Outcome


def eligibility(facts: Facts, policy: Policy, at: datetime) -> Verdict | None:
    """End the journey of whoever left the audience, if the policy says ``stay_in_segment``."""
    del at
    if not policy.stay_in_segment or facts.in_segment:
        return None
    return Verdict("eligibility", Outcome.NOT_ELIGIBLE, stops=True)
