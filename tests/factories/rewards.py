"""Offers, and customers to give coupons to."""

from decimal import Decimal

import factory
from factory.django import DjangoModelFactory

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.rewards.models import Offer


class CouponCustomerFactory(DjangoModelFactory):
    class Meta:
        model = Customer

    external_id = factory.Sequence("reward-{}".format)
    email = factory.LazyAttribute(lambda customer: f"{customer.external_id}@example.com")


class OfferFactory(DjangoModelFactory):
    """Ten percent off, ten at most; the budget is enough for ten coupons."""

    class Meta:
        model = Offer

    key = factory.Sequence("offer-{}".format)
    name = "Ten percent off"
    kind = "percent"
    value = Decimal("10.00")
    max_discount = Decimal("10.00")
    minimum_order = Decimal("20.00")
    currency = "USD"
    budget = Decimal("100.00")
    valid_days = 30
