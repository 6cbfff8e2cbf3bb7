"""Reading customers."""

from django.db.models import Q, QuerySet

from lifecycle_engine.customers.contacts import email_hash, phone_hash
from lifecycle_engine.customers.models import Customer


def customer_by_external_id(*, external_id: str) -> Customer | None:
    """The customer with the shop's number, or None."""
    if "\0" in external_id:
        return None  # PostgreSQL has no such text, and says so with an error.
    return Customer.objects.filter(external_id=external_id).first()


def customers_search(*, term: str) -> QuerySet[Customer]:
    """Customers whose number or last name begins with the term, or whose address or number it is.

    Customers who were merged into others or erased are not among them.
    """
    if "\0" in term:
        return Customer.objects.none()
    wanted = Q(external_id__istartswith=term) | Q(last_name__istartswith=term)
    for field, hashed in (("email_hash", email_hash(term)), ("phone_hash", phone_hash(term))):
        if hashed:
            wanted |= Q(**{field: hashed})
    return customers_list().filter(wanted)


def customers_list(*, email: str | None = None) -> QuerySet[Customer]:
    """All customers, or those with the e-mail address, whatever its capitals."""
    customers = Customer.objects.filter(merged_into=None, erased_at=None)
    return customers if email is None else customers.filter(email_hash=email_hash(email))
