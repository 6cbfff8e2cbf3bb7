"""Factories of customers and consents."""

from datetime import UTC, datetime

import factory

from lifecycle_engine.customers.models import Consent, ConsentPurpose, Customer


class CustomerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Customer

    # Not as those are called who come with events: a test may have both.
    external_id = factory.Sequence(lambda n: f"made-{n}")
    email = factory.LazyAttribute(lambda customer: f"{customer.external_id}@example.com")


class ConsentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Consent

    customer = factory.SubFactory(CustomerFactory)
    channel = "email"
    purpose = ConsentPurpose.MARKETING
    granted = True
    source = "test"
    recorded_at = datetime(2017, 1, 1, tzinfo=UTC)
