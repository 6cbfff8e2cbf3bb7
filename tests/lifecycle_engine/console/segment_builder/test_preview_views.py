"""The audience beside the rule: how many, who, whom one can write to, and why."""

import pytest
from django.contrib.auth.models import Permission, User

from lifecycle_engine.console.segment_builder import preview_views
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.privacy_models import Access, AccessAction
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.preview import Preview
from tests.factories.campaigns import NOW
from tests.factories.segments import MembershipFactory, SegmentFactory
from tests.lifecycle_engine.console.segment_builder.building import COUNTRY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]


@pytest.mark.django_db(transaction=True)
def test_the_audience_is_shown_beside_the_rule(builder, audience):
    other = SegmentFactory(key="other", name="Others")
    MembershipFactory(segment=other, customer=audience[0])

    preview = builder.client.get(builder.url("preview")).text
    counts = builder.client.get(builder.url("counts")).text

    assert '<span class="lb-size">3</span>' in preview
    assert "of 4 customers (75.0 %)" in preview
    assert "A customer who has a profile where country is DE." in preview
    assert all(str(customer.external_id) in preview for customer in audience)
    assert 'id="n0-count" hx-swap-oob="true">3 by itself' in counts
    assert "<strong>1</strong>" in counts
    assert "no address 1 · no consent 1 · suppressed 0" in counts
    assert ">Others</a> <span>1</span>" in counts
    assert "33.3 % of both together" in counts


@pytest.mark.django_db(transaction=True)
def test_why_somebody_is_in_or_not(builder, audience):
    austrian = Customer.objects.get(country="AT")

    inside = builder.client.get(builder.url("why"), {"customer": audience[0].external_id}).text
    outside = builder.client.get(builder.url("why"), {"customer": austrian.external_id}).text
    nobody = builder.client.get(builder.url("why"), {"customer": "gone"}).text

    assert ">is in<" in inside
    assert "lb-met" in inside
    assert "seen: DE" in inside
    assert ">is not in<" in outside
    assert "no customer with the number “gone”" in nobody
    seen = Access.objects.filter(action=AccessAction.VIEWED).values_list("customer_id", flat=True)
    assert sorted(seen) == sorted([audience[0].pk, austrian.pk]), "who looks is written down"


def test_large_audiences_are_readable(builder, monkeypatch):
    def preview(**_asked):
        return Preview(NOW, 1_234_567, 2_000_000, (), "Everybody.", finished=True, seconds=0.1)

    monkeypatch.setattr(preview_views, "rule_preview", preview)
    builder.edit("add", condition="attribute")
    builder.edit("leaf", "0", **COUNTRY)

    shown = builder.client.get(builder.url("preview")).text

    assert '<span class="lb-size">1,234,567</span> of 2,000,000 customers (61.7 %)' in shown


def test_an_unfinished_rule_says_so_and_asks_nothing(builder):
    preview = builder.client.get(builder.url("preview")).text

    assert '<p class="lb-size">0</p>' in preview
    assert "1 thing to complete. Nobody is selected until then." in preview
    assert builder.client.get(builder.url("counts")).status_code == 204


def test_what_the_page_has_passed_is_not_computed(builder):
    assert builder.client.get(builder.url("preview"), {"revision": 99}).status_code == 204


def test_customers_are_shown_to_those_only_who_may_see_them(builder, client):
    builder.edit("add", condition="attribute")
    builder.edit("leaf", "0", **COUNTRY)
    SegmentDraft.objects.update(owner="bert")
    user = User.objects.create(username="bert", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_segment"))
    client.force_login(user)

    assert "Is this customer in?" not in client.get(builder.url()).text
    assert client.get(builder.url("why"), {"customer": "1"}).status_code == 403
    values = {"path": "0", "field": "value", **COUNTRY}
    assert client.get(builder.url("suggest"), values).text == ""
