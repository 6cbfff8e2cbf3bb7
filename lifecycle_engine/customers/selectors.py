"""Reading customers and what they consented to."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.models import Customer


def customer_by_external_id(*, external_id: str) -> Customer | None:
    """The customer with the shop's number, or None."""
    if "\0" in external_id:
        return None  # PostgreSQL has no such text, and says so with an error.
    return Customer.objects.filter(external_id=external_id).first()


def consents_granted(
    *, customer_ids: Iterable[int], channel: str, purpose: str, at: datetime
) -> set[int]:
    """Who of the customers grants the purpose on the channel.

    The newest entry of the ledger at or before ``at`` counts; who has none does not grant.
    """
    params = {
        "customer_ids": [int(customer_id) for customer_id in customer_ids],
        "channel": channel,
        "purpose": purpose,
        "at": at,
    }
    return {customer_id for (customer_id,) in sql_rows("customers", "consents_granted", params)}


def profiling_objectors(*, at: datetime) -> set[int]:
    """Who objected to profiling at or before ``at`` and has not granted it again since."""
    return {
        customer_id for (customer_id,) in sql_rows("customers", "profiling_objectors", {"at": at})
    }


def customers_list(*, email: str | None = None) -> QuerySet[Customer]:
    """All customers, or those with the e-mail address."""
    customers = Customer.objects.all()
    if email is None:
        return customers
    return customers.none() if "\0" in email else customers.filter(email=email)
