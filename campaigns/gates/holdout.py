"""Who is held out: a share of the audience by hash, the same side at every occurrence."""

import hashlib
from datetime import datetime

from campaigns.gates.facts import Facts, Verdict
from campaigns.journeys import Policy
from campaigns.models import Arm, Outcome

_SCALE = 2**32


def holdout_position(*, campaign_key: str, customer_id: int) -> float:
    """Where a customer stands in a campaign's draw: uniform in [0, 1), always the same.

    The first 32 bits of SHA-256 over ``key:id``. ``sql/enrolments_create.sql`` computes the very
    same; a test holds the two together.
    """
    digest = hashlib.sha256(f"{campaign_key}:{customer_id}".encode()).hexdigest()
    return int(digest[:8], 16) / _SCALE


def holdout_arm(*, campaign_key: str, customer_id: int, share: float) -> Arm:
    """Which side of the comparison a customer is on."""
    position = holdout_position(campaign_key=campaign_key, customer_id=customer_id)
    return Arm.HOLDOUT if position < share else Arm.TREATED


def holdout(facts: Facts, policy: Policy, at: datetime) -> Verdict | None:
    """Whoever is held out gets nothing, at any step."""
    del policy, at
    if facts.arm == Arm.HOLDOUT:
        return Verdict("holdout", Outcome.HELD_OUT, stops=True)
    return None
