"""What gates look at, and what they say."""

from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Arm, Outcome


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one customer at one step.

    Attributes:
        arm: the side of the comparison.
        consented: whether the newest consent for channel and purpose is a yes.
        suppressed: whether the address must not be written to.
        address: where the channel would reach the customer; empty for nowhere.
        recent_messages: messages within the window of the frequency cap.
        time_zone: the customer's zone; may be empty or wrong.
        in_segment: whether the customer is still in the audience.
    """

    arm: str = Arm.TREATED
    consented: bool = False
    suppressed: bool = False
    address: str = ""
    recent_messages: int = 0
    time_zone: str = ""
    in_segment: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate stops a step.

    Attributes:
        gate: which one.
        outcome: what the ledger says.
        stops: whether the whole journey ends, not only this step.
        until: for a deferral, when to try again.
    """

    gate: str
    outcome: Outcome
    stops: bool = False
    until: datetime | None = None
