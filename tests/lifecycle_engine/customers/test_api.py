"""The customers' API."""

import pytest

from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.profile import profile_section_temporarily
from tests.factories.core import bearer
from tests.factories.customers import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def headers():
    return bearer(Scope.CUSTOMERS_READ)


def test_a_customer_is_shown_with_its_profile(client, headers):
    customer = CustomerFactory(external_id="a b/ä".replace("/", "-"), attributes={"size": "M"})

    def section(*, customer_ids, at):
        return {customer_id: {"seen": True} for customer_id in customer_ids}

    with profile_section_temporarily("test", section):
        answer = client.get("/api/v1/customers/a b-ä/", headers=headers)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["external_id"], body["attributes"]) == (customer.external_id, {"size": "M"})
    assert body["profile"]["test"] == {"seen": True}
    assert "id" not in body


@pytest.mark.parametrize("external_id", ["nobody", "%00", "a%00b"])
def test_a_customer_who_does_not_exist_is_not_found(client, headers, external_id):
    answer = client.get(f"/api/v1/customers/{external_id}/", headers=headers)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_customers_are_paged_without_gap_or_double(client, headers):
    CustomerFactory.create_batch(5)
    url, pages = "/api/v1/customers/?limit=2", []
    while url:
        page = client.get(url, headers=headers).json()
        pages.append([row["external_id"] for row in page["results"]])
        CustomerFactory()  # Whoever comes meanwhile is on a later page.
        url = page["next"] if len(pages) < 3 else None

    assert [len(page) for page in pages] == [2, 2, 2]
    assert len({row for page in pages for row in page}) == 6


def test_customers_are_found_by_address(client, headers):
    CustomerFactory.create_batch(2)
    CustomerFactory(external_id="wanted", email="wanted@example.com")

    found = client.get("/api/v1/customers/?email=wanted@example.com", headers=headers).json()
    nobody = client.get("/api/v1/customers/?email=%00", headers=headers).json()

    assert [row["external_id"] for row in found["results"]] == ["wanted"]
    assert nobody["results"] == []


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written_here(client, headers, method):
    CustomerFactory(external_id="a")

    assert getattr(client, method)("/api/v1/customers/a/", headers=headers).status_code == 405
