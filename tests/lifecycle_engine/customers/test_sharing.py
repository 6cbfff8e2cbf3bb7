"""A partner sees the customers who agreed to sharing with it, and nobody else."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.privacy_models import Access
from lifecycle_engine.customers.sharing import customers_visible
from lifecycle_engine.segments.models import Membership
from tests.factories.core import bearer
from tests.factories.customers import ConsentFactory, CustomerFactory
from tests.factories.segments import SegmentFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2017, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def shares(customer, *, partner="acme", granted=True, at=NOW - DAY, expires_at=None):
    ConsentFactory(
        customer=customer,
        channel="",
        purpose=f"sharing:{partner}",
        granted=granted,
        recorded_at=at,
        expires_at=expires_at,
    )
    return customer


def visible(partner="acme", at=NOW):
    found = customers_visible(Customer.objects.all(), partner=partner, at=at)
    return set(found.values_list("external_id", flat=True))


def test_a_key_without_a_partner_sees_everybody():
    CustomerFactory(external_id="silent")

    assert visible(partner="") == {"silent"}


def test_only_the_newest_word_to_this_very_partner_counts():
    CustomerFactory(external_id="silent")
    shares(CustomerFactory(external_id="yes"))
    shares(CustomerFactory(external_id="other"), partner="globex")
    ConsentFactory(customer__external_id="sharing", channel="", purpose="sharing")
    ConsentFactory(customer__external_id="marketing")
    back = shares(CustomerFactory(external_id="back"), granted=False, at=NOW - 2 * DAY)
    shares(back)
    gone = shares(CustomerFactory(external_id="gone"), at=NOW - 2 * DAY)
    shares(gone, granted=False)
    both = shares(CustomerFactory(external_id="both"))
    shares(both, granted=False)
    shares(CustomerFactory(external_id="later"), at=NOW + DAY)

    assert visible() == {"yes", "back"}


def test_a_grant_ends_when_it_expires():
    shares(CustomerFactory(external_id="short"), expires_at=NOW)
    shares(CustomerFactory(external_id="long"), expires_at=NOW + DAY)

    assert visible() == {"long"}
    assert visible(at=NOW - timedelta(seconds=1)) == {"short", "long"}


def test_what_a_merged_profile_said_counts_for_the_customer():
    granting = CustomerFactory(external_id="granting")
    shares(CustomerFactory(external_id=None, merged_into=granting))
    refusing = shares(CustomerFactory(external_id="refusing"), at=NOW - 2 * DAY)
    shares(CustomerFactory(external_id=None, merged_into=refusing), granted=False)

    assert visible() & {"granting", "refusing"} == {"granting"}


@pytest.fixture
def shown(settings):
    """A customer whom the partner acme may see, and one whom it may not, in one segment."""
    settings.ENGINE_NOW = NOW
    segment = SegmentFactory(key="all")
    for customer in (shares(CustomerFactory(external_id="yes")), CustomerFactory(external_id="no")):
        Membership.objects.create(segment=segment, customer=customer, joined_at=NOW)


@pytest.mark.usefixtures("shown")
def test_a_partner_is_shown_no_other_customer_anywhere(client):
    partner, shop = bearer(name="partner", partner="acme"), bearer(name="own")

    def seen(url, headers):
        return [row.get("external_id", row.get("customer")) for row in _rows(client, url, headers)]

    for url in ("/api/v1/customers/", "/api/v1/segments/all/members/"):
        assert seen(url, partner) == ["yes"]
        assert sorted(seen(url, shop)) == ["no", "yes"]
    assert seen("/api/v1/customers/?email=no@example.com", partner) == []
    for url in ("/api/v1/customers/{}/", "/api/v1/customers/{}/export/"):
        assert client.get(url.format("yes"), headers=partner).status_code == 200
        assert client.get(url.format("no"), headers=shop).status_code == 200
        refused = client.get(url.format("no"), headers=partner)
        missing = client.get(url.format("nobody"), headers=partner)
        assert refused.status_code == 404
        assert refused.json()["message"] == missing.json()["message"].replace("nobody", "no")
    explain = "/api/v1/segments/all/explain/?customer=no"
    assert client.get(explain, headers=partner).status_code == 400
    exported = Access.objects.filter(actor="api:partner").values_list("customer_id", flat=True)
    assert list(exported) == [Customer.objects.get(external_id="yes").pk]


@pytest.mark.usefixtures("shown")
def test_a_partner_can_not_erase_whom_it_may_not_see(client):
    headers = bearer(Scope.CUSTOMERS_ERASE, partner="acme")

    answer = client.post(
        "/api/v1/customers/no/erase/", {}, headers=headers, content_type="application/json"
    )

    assert answer.status_code == 404
    assert Customer.objects.get(external_id="no").erased_at is None


def _rows(client, url, headers):
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]
