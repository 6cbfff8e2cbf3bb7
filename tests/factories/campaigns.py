"""Campaigns with everything that they need: an audience, an offer, templates, consent."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import factory

from campaigns.models import Campaign
from campaigns.services import campaign_publish, campaign_save
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.messaging.models import MessageTemplate
from lifecycle_engine.rewards.models import Offer, OfferKind
from lifecycle_engine.segments.models import Membership, Segment

NOW = datetime(2017, 12, 1, tzinfo=UTC)


class RecipientFactory(factory.django.DjangoModelFactory):
    """A customer who can be reached by e-mail and SMS."""

    class Meta:
        model = Customer

    external_id = factory.Sequence(lambda n: f"recipient-{n}")
    email = factory.LazyAttribute(lambda customer: f"{customer.external_id}@example.com")
    phone = factory.Sequence(lambda n: f"+1202555{n:04d}")
    first_name = "Ada"


class OfferFactory(factory.django.DjangoModelFactory):
    """Ten percent off, at most 5 a coupon, with a budget for 1,000 coupons."""

    class Meta:
        model = Offer
        django_get_or_create = ["key"]

    key = "welcome-back"
    name = "Welcome back"
    kind = OfferKind.PERCENT
    value = Decimal(10)
    max_discount = Decimal(5)
    currency = "USD"
    budget = Decimal(5000)


class EmailTemplateFactory(factory.django.DjangoModelFactory):
    """An e-mail."""

    class Meta:
        model = MessageTemplate
        django_get_or_create = ["key"]

    key = "welcome-mail"
    name = "Welcome"
    channel = "email"
    subject = "Hello"
    text = "Hello {{ customer.first_name }}, {{ coupon.code }} {{ unsubscribe_url }}"


class SmsTemplateFactory(EmailTemplateFactory):
    """An SMS."""

    key = "welcome-sms"
    channel = "sms"
    subject = ""
    text = "Hello {{ customer.first_name }} Reply STOP"


def once(**changes: Any) -> dict[str, Any]:
    """A trigger that fires at the tests' "now"."""
    return {"kind": "schedule", "every": "once", "date": "2017-12-01", "time": "00:00", **changes}


def journey(**steps: dict[str, Any]) -> dict[str, Any]:
    """Coupon, e-mail, SMS, end; or the steps given, in their order."""
    wanted = steps or {
        "coupon": {"action": "coupon.issue", "config": {"offer": "welcome-back"}},
        "mail": {"action": "message.email", "config": {"template": "welcome-mail"}},
        "text": {"action": "message.sms", "config": {"template": "welcome-sms"}},
        "end": {"action": "exit"},
    }
    names = list(wanted)
    return {
        "start": names[0],
        "steps": {
            name: {**wanted[name], "next": following}
            for name, following in zip(names, [*names[1:], None], strict=True)
        },
    }


def consent(customer: Customer, *channels: str, granted: bool = True) -> None:
    """Record consent for the channels before "now"; a refusal comes after a consent."""
    Consent.objects.bulk_create(
        Consent(
            customer=customer,
            channel=channel,
            purpose="marketing",
            granted=granted,
            source="test",
            recorded_at=datetime(2017, 1 if granted else 2, 1, tzinfo=UTC),
        )
        for channel in channels
    )


def audience(size: int, *, key: str = "audience") -> Segment:
    """A segment with so many customers, who all consented to e-mail and SMS."""
    segment, _created = Segment.objects.get_or_create(
        key=key, defaults={"name": key, "rule": {}, "size": size, "as_of": NOW}
    )
    for customer in RecipientFactory.create_batch(size):
        Membership.objects.create(segment=segment, customer=customer, joined_at=NOW)
        consent(customer, "email", "sms")
    return segment


def campaign_make(*, size: int = 5, publish: bool = True, **changes: Any) -> Campaign:
    """A campaign for an audience of its own, published at "now" unless told otherwise."""
    OfferFactory()
    EmailTemplateFactory()
    SmsTemplateFactory()
    key = changes.pop("key", "welcome")
    documents = {
        "trigger": once(),
        "journey": journey(),
        "policy": {"holdout": 0},
        **changes,
    }
    segment = audience(size, key=f"{key}-audience")
    campaign = campaign_save(key=key, name="Welcome", segment_id=segment.pk, **documents)
    if publish:
        campaign_publish(campaign_id=campaign.pk, at=NOW)
        campaign.refresh_from_db()
    return campaign
