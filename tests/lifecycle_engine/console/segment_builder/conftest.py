"""A draft that staff have begun, as of the demo's moment, and customers for it."""

import pytest
from django.urls import reverse

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.preview_sessions import preview_sessions
from tests.factories.campaigns import NOW
from tests.factories.customers import ConsentFactory, CustomerFactory
from tests.lifecycle_engine.console.segment_builder.building import COUNTRY, Builder


@pytest.fixture
def now(settings):
    settings.ENGINE_NOW = NOW
    yield
    preview_sessions.close()


@pytest.fixture
def builder(admin_client, now):
    admin_client.post(reverse("admin:segments_segment_add"), {"name": "Germans"})
    return Builder(admin_client, SegmentDraft.objects.get().pk)


@pytest.fixture
def audience(builder, settings, tmp_path):
    """Three Germans, of whom one has no address and one has not consented, and an Austrian."""
    settings.WAREHOUSE_URL = f"duckdb://{tmp_path}"
    people = [CustomerFactory(country="DE") for _ in range(3)]
    Customer.objects.filter(pk=people[0].pk).update(email="", email_hash="")
    for customer in (people[0], people[1]):
        ConsentFactory(customer=customer, channel="email", purpose="marketing", granted=True)
    CustomerFactory(country="AT")
    builder.edit("add", condition="attribute")
    builder.edit("leaf", "0", **COUNTRY)
    return people
