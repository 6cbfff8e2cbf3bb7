"""Reading customers."""

from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet

from lifecycle_engine.customers.contacts import email_hash, phone_hash
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.rows import TEXT_TRAITS


def customer_by_external_id(*, external_id: str) -> Customer | None:
    """The whole customer who has the shop's number, or None."""
    if "\0" in external_id:
        return None  # PostgreSQL has no such text, and says so with an error.
    found = Customer.objects.filter(external_id=external_id).values_list("pk", flat=True)
    return next(iter(customers_whole(profile_ids=found).values()), None)


def root_ids(*, profile_ids: Iterable[int]) -> dict[int, int]:
    """The customer that each profile is part of: mostly itself. Strangers are left out."""
    rows = Customer.objects.filter(pk__in=list(profile_ids))
    return {
        profile_id: root_id or profile_id
        for profile_id, root_id in rows.values_list("pk", "merged_into_id")
    }


def profile_ids_of(*, customer_ids: Iterable[int]) -> list[int]:
    """The customers and all profiles that are part of them."""
    wanted = list(customer_ids)
    whole = Customer.objects.filter(Q(pk__in=wanted) | Q(merged_into__in=wanted))
    return sorted(whole.values_list("pk", flat=True))


def customers_whole(*, profile_ids: Iterable[int]) -> dict[int, Customer]:
    """The customer that each profile is part of, with what is known of all its profiles.

    Strangers are left out. The customers are for reading: to save one would write what is known of
    its other profiles to its own.
    """
    roots = root_ids(profile_ids=profile_ids)
    found = Customer.objects.in_bulk(set(roots.values()))
    customers_complete(customers=found.values())
    return {profile_id: found[root_id] for profile_id, root_id in roots.items() if root_id in found}


def customers_complete(*, customers: Collection[Customer]) -> None:
    """Fill the gaps of customers by what is known of the profiles that are part of them.

    What a customer says itself goes first, then the profiles in the order in which they were made;
    the customer has been one since the first of them. ``warehouse/sql/customers.sql`` says the
    same of all.
    """
    by_id = {customer.pk: customer for customer in customers}
    for profile in Customer.objects.filter(merged_into__in=list(by_id)).order_by("pk"):
        assert profile.merged_into_id is not None  # noqa: S101 - by the filter
        customer = by_id[profile.merged_into_id]
        for name in (*TEXT_TRAITS, "email_hash", "phone_hash"):
            if not getattr(customer, name):
                setattr(customer, name, getattr(profile, name))
        customer.attributes = {**profile.attributes, **customer.attributes}
        customer.created_at = min(customer.created_at, profile.created_at)


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
    return customers_list().filter(_or_a_profile(wanted))


def customers_list(*, email: str | None = None) -> QuerySet[Customer]:
    """All customers, or those with the e-mail address, whatever its capitals."""
    customers = Customer.objects.filter(merged_into=None, erased_at=None)
    if email is None:
        return customers
    return (
        customers.filter(_or_a_profile(Q(email_hash=email_hash(email))))
        if email
        else customers.none()
    )


def _or_a_profile(wanted: Q) -> Q:
    """Who is wanted, or has a profile that is."""
    profiles = Customer.objects.filter(wanted, merged_into__isnull=False)
    return wanted | Q(pk__in=profiles.values("merged_into"))
