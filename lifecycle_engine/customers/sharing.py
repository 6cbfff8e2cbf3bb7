"""What a partner may be shown: customers who agreed to sharing with that very partner.

Handing data to a third party takes a consent of its own (PIPL article 23; GDPR article 6). So a
partner's API key shows nobody else, wherever it reads customers.
"""

from datetime import datetime

from django.db.models import OuterRef, Q, QuerySet, Subquery

from lifecycle_engine.customers.models import Consent, ConsentPurpose, Customer


def customers_visible(
    customers: QuerySet[Customer], *, partner: str, at: datetime
) -> QuerySet[Customer]:
    """Those of the customers whom a key of the partner may see; all where it has no partner.

    As for every consent the newest entry of all the customer's profiles counts, of a yes and a no
    of the same moment the no, and a grant only until it expires. Whoever was merged into another
    customer is seen as part of that one.
    """
    if not partner:
        return customers
    this = OuterRef(OuterRef("pk"))
    profiles = Customer.objects.filter(Q(pk=this) | Q(merged_into=this))
    entries = Consent.objects.filter(
        customer__in=profiles.values("pk"),
        channel="",
        purpose=f"{ConsentPurpose.SHARING}:{partner}",
        recorded_at__lte=at,
    ).order_by("-recorded_at", "granted")
    newest = customers.annotate(
        sharing=Subquery(entries.values("granted")[:1]),
        sharing_until=Subquery(entries.values("expires_at")[:1]),
    )
    return newest.filter(Q(sharing_until=None) | Q(sharing_until__gt=at), sharing=True)
