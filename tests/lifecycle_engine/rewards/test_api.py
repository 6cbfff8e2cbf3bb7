from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.profile import profiles_compose
from lifecycle_engine.rewards.models import Redemption
from lifecycle_engine.rewards.services import coupons_issue
from tests.factories.rewards import CouponCustomerFactory, OfferFactory

AT = datetime(2017, 12, 1, tzinfo=UTC)
ORDER = {"order_id": "o-1", "order_value": "50.00", "currency": "usd"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _business_time(settings):
    settings.ENGINE_NOW = AT


@pytest.fixture
def client():
    _record, key = api_key_create(name="shop", scopes=["coupons:redeem"])
    return APIClient(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def coupon():
    offer, customer = OfferFactory(), CouponCustomerFactory()
    result = coupons_issue(offer_id=offer.pk, customer_ids=[customer.pk], occasion="winback", at=AT)
    return result.coupons[customer.pk]


def redeem(client, code, order=ORDER, key="k-1"):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/v1/coupons/{code}/redeem/", order, format="json", headers=headers)


def test_a_coupon_is_redeemed_once(client, coupon):
    answer = redeem(client, coupon.code)

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "code": coupon.code,
            "order_id": "o-1",
            "discount": "5.00",
            "currency": "USD",
            "replayed": False,
        },
    )
    again = redeem(client, coupon.code)
    assert (again.status_code, again.json()["replayed"]) == (200, True)
    assert redeem(client, coupon.code, key="k-2").status_code == 404


def test_all_refusals_are_alike(client, coupon):
    answers = [
        redeem(client, "000000000000"),
        redeem(client, coupon.code, ORDER | {"customer": "somebody"}),
        redeem(client, coupon.code, ORDER | {"currency": "EUR"}),
        redeem(client, coupon.code, ORDER | {"order_value": "1.00"}),
        redeem(client, "%00"),
        client.get("/api/v1/coupons/000000000000/"),
    ]

    assert len({answer.content for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].json() == {
        "code": "coupon_refused",
        "message": "This coupon can't be redeemed for this order.",
        "fields": {},
    }
    assert not Redemption.objects.exists()


def test_a_key_used_for_another_order_is_a_conflict(client, coupon):
    redeem(client, coupon.code)

    answer = redeem(client, coupon.code, ORDER | {"order_id": "o-2"})

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


def test_the_same_key_of_another_partner_is_another_request(client, coupon):
    redeem(client, coupon.code)
    _record, key = api_key_create(name="app", scopes=["coupons:redeem"])
    other = APIClient(headers={"Authorization": f"Bearer {key}"})

    assert redeem(other, coupon.code).status_code == 404


@pytest.mark.parametrize(
    ("order", "key", "field"),
    [
        (ORDER, "", "Idempotency-Key"),
        (ORDER, "x" * 101, "Idempotency-Key"),
        (ORDER | {"order_value": "-1"}, "k", "order_value"),
        (ORDER | {"order_value": "NaN"}, "k", "order_value"),
        (ORDER | {"order_id": ""}, "k", "order_id"),
        (ORDER | {"currency": "DOLLARS"}, "k", "currency"),
        ({}, "k", "order_id"),
    ],
)
def test_a_wrong_request_is_told_the_field(client, coupon, order, key, field):
    answer = redeem(client, coupon.code, order, key)

    assert answer.status_code == 400
    assert field in answer.json()["fields"]
    assert not Redemption.objects.exists()


def test_who_lacks_the_scope_is_refused(coupon):
    _record, key = api_key_create(name="reader", scopes=["customers:read"])
    client = APIClient(headers={"Authorization": f"Bearer {key}"})

    assert redeem(client, coupon.code).status_code == 403
    assert redeem(APIClient(), coupon.code).status_code == 401
    assert not Redemption.objects.exists()


def test_a_valid_coupon_shows_its_terms(client, coupon):
    answer = client.get(f"/api/v1/coupons/{coupon.code}/", {"order_value": "60.00"})

    assert answer.json() == {
        "code": coupon.code,
        "offer": "Ten percent off",
        "kind": "percent",
        "value": "10.00",
        "max_discount": "10.00",
        "minimum_order": "20.00",
        "currency": "USD",
        "expires_at": "2017-12-31T00:00:00Z",
        "discount": "6.00",
    }
    assert client.get(f"/api/v1/coupons/{coupon.code}/").json()["discount"] is None


def test_the_profile_shows_what_can_still_be_redeemed(client, coupon):
    customer_id = coupon.customer_id

    before = profiles_compose(customer_ids=[customer_id], at=AT)[customer_id]["coupons"]
    redeem(client, coupon.code)
    after = profiles_compose(customer_ids=[customer_id], at=AT)[customer_id]["coupons"]

    assert before == [
        {
            "code": coupon.code,
            "offer": coupon.offer.key,
            "name": "Ten percent off",
            "expires_at": "2017-12-31T00:00:00+00:00",
        }
    ]
    assert after is None
    assert Redemption.objects.get().discount == Decimal("5.00")
