"""What the customers' API shows of consents."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Q
from django.db.models.functions import Coalesce

from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.customers.profile import JSON, profile_section


@profile_section("consents")
def consents_section(*, customer_ids: Sequence[int], at: datetime) -> Mapping[int, JSON]:
    """What each customer's newest entries say, by purpose and channel."""
    profiles = Customer.objects.filter(Q(pk__in=customer_ids) | Q(merged_into__in=customer_ids))
    entries = (
        Consent.objects.annotate(root_id=Coalesce("customer__merged_into_id", "customer_id"))
        .filter(customer__in=profiles, recorded_at__lte=at)
        .order_by("root_id", "purpose", "channel", "-recorded_at", "granted")
        .distinct("root_id", "purpose", "channel")
    )
    found: dict[int, list[JSON]] = defaultdict(list)
    for entry in entries:
        found[entry.root_id].append(
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
