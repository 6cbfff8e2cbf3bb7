"""Reading customers."""

from django.db.models import QuerySet

from lifecycle_engine.customers.models import Customer


def customer_by_external_id(*, external_id: str) -> Customer | None:
    """The customer with the shop's number, or None."""
    if "\0" in external_id:
        return None  # PostgreSQL has no such text, and says so with an error.
    return Customer.objects.filter(external_id=external_id).first()


def customers_list(*, email: str | None = None) -> QuerySet[Customer]:
    """All customers, or those with the e-mail address."""
    customers = Customer.objects.all()
    if email is None:
        return customers
    return customers.none() if "\0" in email else customers.filter(email=email)
