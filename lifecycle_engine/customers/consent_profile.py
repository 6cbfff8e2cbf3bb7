"""What the customers' API shows of consents."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from lifecycle_engine.customers.models import Consent
from lifecycle_engine.customers.profile import JSON, profile_section


@profile_section("consents")
def consents_section(*, customer_ids: Sequence[int], at: datetime) -> Mapping[int, JSON]:
    """What each customer's newest entries say, by purpose and channel."""
    entries = (
        Consent.objects.filter(customer_id__in=customer_ids, recorded_at__lte=at)
        .order_by("customer_id", "purpose", "channel", "-recorded_at", "granted")
        .distinct("customer_id", "purpose", "channel")
    )
    found: dict[int, list[JSON]] = defaultdict(list)
    for entry in entries:
        found[entry.customer_id].append(
            {
                "purpose": entry.purpose,
                "channel": entry.channel,
                "granted": entry.stands(at=at),
                "recorded_at": entry.recorded_at.isoformat(),
                "expires_at": entry.expires_at.isoformat() if entry.expires_at else None,
                "source": entry.source,
            }
        )
    return found
