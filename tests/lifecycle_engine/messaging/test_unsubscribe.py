import pytest
from django.test import Client
from django.utils import timezone

from lifecycle_engine.customers.consents import consents_granted
from lifecycle_engine.messaging.addresses import address_hash
from lifecycle_engine.messaging.models import Suppression
from lifecycle_engine.messaging.selectors import suppressed
from lifecycle_engine.messaging.unsubscribe import UnsubscribeToken, unsubscribe_url
from lifecycle_engine.sdk.channels import channels
from tests.factories.messaging import ReaderFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return ReaderFactory()


@pytest.fixture
def path(ada, settings):
    settings.PUBLIC_URL = "https://shop.example"
    hashed = address_hash(channels.get("email")(), ada.email)
    url = unsubscribe_url(UnsubscribeToken("email", hashed, ada.pk))
    assert url.startswith("https://shop.example/unsubscribe/")
    assert ada.email not in url
    return url.removeprefix("https://shop.example")


def consented(customer):
    return consents_granted(
        customer_ids=[customer.pk], channel="email", purpose="marketing", at=timezone.now()
    )


def test_a_scanner_that_follows_the_link_changes_nothing(ada, path):
    answer = Client().get(path)

    assert answer.status_code == 200
    assert b'<form method="post">' in answer.content
    assert Client().head(path).status_code == 200
    assert not Suppression.objects.exists()
    assert consented(ada) == {ada.pk}


@pytest.mark.parametrize(
    "body",
    [
        {"content_type": "application/x-www-form-urlencoded", "data": "List-Unsubscribe=One-Click"},
        {"data": {"List-Unsubscribe": "One-Click"}},
    ],
)
def test_one_click_unsubscribes_without_cookies_or_redirect(ada, path, body):
    client = Client(enforce_csrf_checks=True)

    answers = [client.post(path, **body) for _again in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert suppressed(customer_ids=[ada.pk], channel="email", purpose="marketing") == {ada.pk}
    assert suppressed(customer_ids=[ada.pk], channel="sms", purpose="marketing") == set()
    assert consented(ada) == set()


def test_a_changed_link_is_not_found_and_changes_nothing(path):
    for wrong in (path.replace(":", "x:"), "/unsubscribe/abc/", path[:-3] + "x/"):
        assert Client().post(wrong).status_code == 404

    assert not Suppression.objects.exists()


def test_the_address_stays_suppressed_when_the_customer_is_gone(ada, path):
    ada.consents.all().delete()
    ada.delete()

    assert Client().post(path).status_code == 200
    assert Suppression.objects.count() == 1
