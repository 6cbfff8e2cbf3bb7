"""How many of an audience can be written to, by channel, and why the others can't.

Addresses and consents are counted by the rule language's own conditions. Suppressions are kept as
hashes that only a decrypted address can be held against: these are counted in a sample, and
the figure says that it is an estimate where the audience is larger than that. Who wants to know
exactly asks for it, and waits.
"""

from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from lifecycle_engine.customers.models import ConsentPurpose
from lifecycle_engine.messaging.selectors import suppressed
from lifecycle_engine.sdk.channels import Addressee, Channel, channels
from lifecycle_engine.segments.drafts_check import rule_document
from lifecycle_engine.segments.preview import Ids, reference_ids

#: So many addresses are decrypted at most for one figure.
SAMPLE = 500
_AT_ONCE = 5_000

_PURPOSE = ConsentPurpose.MARKETING.value


@dataclass(frozen=True)
class Reach:
    """One channel.

    Attributes:
        estimated: whether ``suppressed``, and so ``reachable``, is scaled up from a sample.
    """

    channel: str
    reachable: int
    no_address: int
    no_consent: int
    suppressed: int
    estimated: bool


def audience_reach(members: Ids, *, at: datetime, exact: bool = False) -> list[Reach]:
    """Every channel whose addresses are a column of the customers.

    Args:
        members: the audience.
        at: as of when consents count.
        exact: whether every address is held against the suppressions.

    Raises:
        RuleEvaluationError: the conditions can't be evaluated.
    """
    found = ((channel, _trait(channel())) for channel in channels)
    return [_reach(channel, trait, members, at, exact) for channel, trait in found if trait]


def _reach(channel: type[Channel], trait: str, members: Ids, at: datetime, exact: bool) -> Reach:
    missing = {"condition": "attribute", "field": trait, "operator": "missing"}
    consent = {"condition": "consent.granted", "channel": channel.key, "purpose": _PURPOSE}
    addressed = _both(members, _ids({"none": [missing]}, at))
    agreed = _both(addressed, _ids({"all": [consent]}, at))
    sample = agreed if exact else _sample(agreed)
    stopped = _stopped(sample, channel.key)
    estimate = round(stopped / len(sample) * len(agreed)) if len(sample) else 0
    return Reach(
        channel=str(channel.label),
        reachable=len(agreed) - estimate,
        no_address=len(members) - len(addressed),
        no_consent=len(addressed) - len(agreed),
        suppressed=estimate,
        estimated=len(sample) < len(agreed),
    )


def _ids(root: dict[str, Any], at: datetime) -> Ids:
    return reference_ids(document=rule_document(root), at=at)


def _both(left: Ids, right: Ids) -> Ids:
    return np.intersect1d(left, right, assume_unique=True)


def _sample(ids: Ids) -> Ids:
    places = np.linspace(0, len(ids) - 1, min(SAMPLE, len(ids))).astype(int)
    sample: Ids = ids[places]
    return sample


def _stopped(ids: Ids, channel: str) -> int:
    """How many are suppressed; some at a time, for their addresses are decrypted."""
    parts = (ids[start : start + _AT_ONCE].tolist() for start in range(0, len(ids), _AT_ONCE))
    return sum(
        len(suppressed(customer_ids=part, channel=channel, purpose=_PURPOSE)) for part in parts
    )


def _trait(channel: Channel) -> str:
    """Which column the channel takes its addresses from; empty for another way."""
    for trait in ("email", "phone"):
        tried = {"email": "", "phone": ""} | {trait: "x"}
        if channel.address(cast("Addressee", SimpleNamespace(**tried))):
            return trait
    return ""
