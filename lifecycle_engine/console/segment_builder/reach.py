"""How many of an audience can be written to, by channel, and why the others can't.

Addresses and consents are counted by the rule language's own conditions. Suppressions are kept as
hashes that only a decrypted address can be held against: these are counted in a sample, and
the figure says that it is an estimate where the audience is larger than that.
"""

from collections.abc import Sequence
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


def audience_reach(members: Ids, *, at: datetime) -> list[Reach]:
    """Every channel whose addresses are a column of the customers.

    Raises:
        RuleEvaluationError: the conditions can't be evaluated.
    """
    found = ((channel, _trait(channel())) for channel in channels)
    return [_reach(channel, trait, members, at) for channel, trait in found if trait]


def _reach(channel: type[Channel], trait: str, members: Ids, at: datetime) -> Reach:
    missing = {"condition": "attribute", "field": trait, "operator": "missing"}
    consent = {"condition": "consent.granted", "channel": channel.key, "purpose": _PURPOSE}
    addressed = _both(members, _ids({"none": [missing]}, at))
    agreed = _both(addressed, _ids({"all": [consent]}, at))
    sample = _sample(agreed)
    stopped = suppressed(customer_ids=sample, channel=channel.key, purpose=_PURPOSE)
    estimate = round(len(stopped) / len(sample) * len(agreed)) if sample else 0
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


def _sample(ids: Ids) -> Sequence[int]:
    places = np.linspace(0, len(ids) - 1, min(SAMPLE, len(ids))).astype(int)
    return [int(one) for one in ids[places]]


def _trait(channel: Channel) -> str:
    """Which column the channel takes its addresses from; empty for another way."""
    for trait in ("email", "phone"):
        tried = {"email": "", "phone": ""} | {trait: "x"}
        if channel.address(cast("Addressee", SimpleNamespace(**tried))):
            return trait
    return ""
