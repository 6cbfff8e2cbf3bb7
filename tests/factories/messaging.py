"""Templates and customers who may be written to."""

from datetime import UTC, datetime

import factory
from factory.django import DjangoModelFactory

from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.messaging.models import MessageTemplate


class ConsentFactory(DjangoModelFactory):
    class Meta:
        model = Consent

    channel = "email"
    purpose = "marketing"
    granted = True
    source = "test"
    recorded_at = datetime(2017, 1, 1, tzinfo=UTC)


class ReaderFactory(DjangoModelFactory):
    """A customer with both addresses, who agreed to both channels."""

    class Meta:
        model = Customer
        skip_postgeneration_save = True

    external_id = factory.Sequence("reader-{}".format)
    email = factory.LazyAttribute(lambda customer: f"{customer.external_id}@example.com")
    phone = factory.Sequence("+1202555{:04}".format)
    first_name = "Ada"

    @factory.post_generation
    def consents(self, create, extracted, **_given):
        for channel in ("email", "sms") if extracted is None else extracted:
            ConsentFactory(customer=self, channel=channel)


class EmailTemplateFactory(DjangoModelFactory):
    class Meta:
        model = MessageTemplate
        django_get_or_create = ("key",)

    key = "hello"
    name = "Hello"
    channel = "email"
    subject = "Hello {{ customer.first_name }}"
    text = "Code {{ code }}\n{{ sender.address }}\n{{ unsubscribe_url }}"
    html = "<p>Code {{ code }}</p><p>{{ sender.address }} {{ unsubscribe_url }}</p>"


class SmsTemplateFactory(DjangoModelFactory):
    class Meta:
        model = MessageTemplate
        django_get_or_create = ("key",)

    key = "hello-sms"
    name = "Hello by SMS"
    channel = "sms"
    text = "Code {{ code }}"
