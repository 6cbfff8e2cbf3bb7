import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import assume, given
from hypothesis import strategies as st

from lifecycle_engine.customers.consents import consents_granted
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.messaging.addresses import address_hash
from lifecycle_engine.messaging.models import OptIn, Suppression
from lifecycle_engine.messaging.opt_in import OptInTokenError, opt_in_read, opt_in_url
from lifecycle_engine.messaging.preference_links import (
    PreferenceTokenError,
    preference_token_read,
    preferences_url,
)
from lifecycle_engine.messaging.selectors import suppressed
from lifecycle_engine.messaging.unsubscribe import (
    UnsubscribeToken,
    UnsubscribeTokenError,
    unsubscribe_token_read,
    unsubscribe_url,
)
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


def test_the_proof_of_the_withdrawal_is_kept(ada, path):
    Client().post(path, headers={"User-Agent": "Mail 1.0"}, REMOTE_ADDR="192.0.2.7")

    entry = Consent.objects.latest("pk")
    assert (entry.granted, entry.source) == (False, "unsubscribe link")
    assert (entry.ip_address, entry.user_agent) == ("192.0.2.7", "Mail 1.0")


def test_the_page_speaks_the_customers_language(ada, path):
    Customer.objects.update(language="zh")

    for answer in (Client().get(path), Client().post(path)):
        assert answer["Content-Language"] == "zh-hans"
        assert "退订" in answer.text


@given(place=st.integers(0, 10_000), sign=st.sampled_from("AZaz09-_:"))
def test_a_token_with_any_other_sign_in_it_is_refused(place, sign):
    token = UnsubscribeToken("email", "0" * 64, 1)
    links = {
        unsubscribe_url(token): unsubscribe_token_read,
        preferences_url(token, at=timezone.now()): preference_token_read,
        opt_in_url(OptIn(pk=1)): opt_in_read,
    }
    for url, read in links.items():
        signed = url.rstrip("/").rpartition("/")[2]
        at = place % len(signed)
        assume(signed[at] != sign)
        with pytest.raises((UnsubscribeTokenError, PreferenceTokenError, OptInTokenError)):
            read(signed[:at] + sign + signed[at + 1 :])
