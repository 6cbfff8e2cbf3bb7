"""The preference page: what it shows, what it changes, and what it refuses."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from lifecycle_engine.customers.consent_texts import consent_text_add
from lifecycle_engine.customers.consents import consents_granted, profiling_objectors
from lifecycle_engine.customers.models import Consent, ConsentText, Customer
from lifecycle_engine.events.models import Event
from lifecycle_engine.messaging.addresses import address_hash
from lifecycle_engine.messaging.models import Suppression
from lifecycle_engine.messaging.preference_links import GRANTS_FOR, preferences_url
from lifecycle_engine.messaging.selectors import suppressed
from lifecycle_engine.messaging.suppressions import suppression_add
from lifecycle_engine.messaging.unsubscribe import UnsubscribeToken, unsubscribe_url
from lifecycle_engine.sdk.channels import channels
from tests.factories.messaging import ReaderFactory

pytestmark = pytest.mark.django_db
BROWSER = {"User-Agent": "Mozilla/5.0 \t test"}


@pytest.fixture
def ada():
    return ReaderFactory(consents=["email"])


def link(customer, *, days_ago=0):
    hashed = address_hash(channels.get("email")(), customer.email)
    token = UnsubscribeToken("email", hashed, customer.pk)
    url = preferences_url(token, at=timezone.now() - timedelta(days=days_ago))
    assert customer.email not in url
    return urlsplit(url).path


def fields(page):
    """What a browser would send: the hidden fields, and the boxes that are checked."""
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    boxes = re.findall(
        r'<input type="checkbox"[^>]* name="([^"]+)"[^>]*?( checked)?( disabled)?>', page
    )
    return found | {name: "1" for name, checked, _disabled in boxes if checked}


def opened(path, client=None):
    return fields((client or Client()).get(path).text)


def granted(customer, channel="email", purpose="marketing"):
    return bool(
        consents_granted(
            customer_ids=[customer.pk], channel=channel, purpose=purpose, at=timezone.now()
        )
    )


def test_a_scanner_that_follows_the_link_changes_nothing(ada):
    path = link(ada)
    before = (list(Consent.objects.values()), list(ConsentText.objects.values()))

    answer = Client().get(path)

    assert answer.status_code == 200
    assert Client().head(path).status_code == 200
    assert (list(Consent.objects.values()), list(ConsentText.objects.values())) == before
    assert not Suppression.objects.exists()
    assert answer["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "<script" not in answer.text
    assert ada.email not in answer.text


def test_a_changed_link_is_not_found_and_changes_nothing(ada):
    path = link(ada)
    other = urlsplit(
        unsubscribe_url(UnsubscribeToken("email", "x", ada.pk)).replace(
            "unsubscribe", "preferences"
        )
    ).path

    for wrong in (path[:-3] + "x/", path.replace(":", "x:", 1), "/preferences/abc/", other):
        for method in (Client().get, Client().post):
            assert method(wrong, {"everything": "1"}).status_code == 404

    assert Consent.objects.count() == 1
    assert not Suppression.objects.exists()


def test_withdrawing_and_granting_take_one_form_each_and_leave_their_proof(ada):
    # given a browser without cookies, behind no proxy
    client, path = Client(enforce_csrf_checks=True), link(ada)
    form = opened(path, client)
    assert form["want:marketing.email"] == "1"
    assert "want:marketing.sms" not in form

    # when she stops e-mails
    del form["want:marketing.email"]
    answer = client.post(path, form, headers=BROWSER, REMOTE_ADDR="192.0.2.7")

    # then
    assert answer.status_code == 200
    assert "Your choices are saved." in answer.text
    assert not granted(ada)
    assert suppressed(customer_ids=[ada.pk], channel="email", purpose="marketing") == {ada.pk}
    entry = Consent.objects.select_related("wording").latest("pk")
    assert (entry.granted, entry.source) == (False, "preference centre")
    assert (entry.ip_address, entry.user_agent) == ("192.0.2.7", "Mozilla/5.0  test")
    assert entry.wording.text.startswith("You may send me offers and news by E-mail.")
    assert entry.text_version == entry.wording.version

    # when she agrees again, with the page that came back
    again = fields(answer.text) | {"want:marketing.email": "1"}
    answer = client.post(path, again, headers=BROWSER, REMOTE_ADDR="192.0.2.7")

    # then
    assert granted(ada)
    assert not suppressed(customer_ids=[ada.pk], channel="email", purpose="marketing")
    entry = Suppression.objects.get()
    assert (entry.source, entry.lift_reason) == ("preference centre", "granted again")
    assert Consent.objects.count() == 3


def test_what_is_said_is_told_in_the_log_without_the_proof(ada):
    path = link(ada)
    form = opened(path) | {"want:marketing.sms": "1"}
    del form["want:marketing.email"]

    Client().post(path, form, REMOTE_ADDR="192.0.2.7")

    told = Event.objects.order_by("name").values_list("customer_id", "name", "properties")
    page = {"purpose": "marketing", "source": "preference centre"}
    assert list(told) == [
        (ada.pk, "Consent Granted", page | {"channel": "sms"}),
        (ada.pk, "Consent Withdrawn", page | {"channel": "email"}),
    ]


def test_saving_what_was_shown_writes_nothing(ada):
    path = link(ada)

    answer = Client().post(path, opened(path))

    assert "Nothing was changed." in answer.text
    assert Consent.objects.count() == 1


def test_a_page_that_was_open_for_long_does_not_grant_what_was_withdrawn_meanwhile(ada):
    path = link(ada)
    form = opened(path)
    hashed = address_hash(channels.get("email")(), ada.email)
    Client().post(urlsplit(unsubscribe_url(UnsubscribeToken("email", hashed, ada.pk))).path)

    Client().post(path, form | {"want:profiling": "1"})

    assert not granted(ada)
    assert Suppression.objects.filter(lifted_at=None).count() == 1


def test_profiling_is_objected_to_and_allowed_again(ada):
    path = link(ada)
    form = opened(path)
    assert form.pop("want:profiling") == "1"

    page = Client().post(path, form).text
    assert profiling_objectors(at=None) == {ada.pk}

    Client().post(path, fields(page) | {"want:profiling": "1"})
    assert profiling_objectors(at=None) == set()
    assert granted(ada, channel="", purpose="profiling")


def test_another_wording_than_the_one_that_was_read_is_not_agreed_to(ada):
    path = link(ada)
    form = opened(path) | {"want:marketing.sms": "1"}
    del form["want:marketing.email"]
    consent_text_add(
        purpose="marketing", channel="sms", version="2", language="en", text="Everything, always."
    )

    answer = Client().post(path, form)

    assert "Please read again" in answer.text
    assert "Everything, always." in answer.text
    assert not granted(ada, channel="sms")
    assert not granted(ada), "a withdrawal is never refused"

    Client().post(path, fields(answer.text) | {"want:marketing.sms": "1"})
    entry = Consent.objects.select_related("wording").get(channel="sms")
    assert (entry.text_version, entry.wording.text) == ("2", "Everything, always.")


def test_an_old_link_withdraws_for_ever_and_grants_no_more(ada):
    path = link(ada, days_ago=GRANTS_FOR.days)
    form = opened(path) | {"want:marketing.sms": "1"}
    del form["want:marketing.email"]

    answer = Client().post(path, form)

    assert not granted(ada)
    assert not granted(ada, channel="sms")
    assert "This link is from an older message." in answer.text
    assert answer.text.count(" disabled") == 2


def test_an_address_that_staff_blocked_is_not_freed_here(ada):
    suppression_add(channel="email", address=ada.email, reason="complained", source="provider")
    path = link(ada)
    page = Client().get(path).text
    form = fields(page)

    assert "This address is blocked." in page
    Client().post(path, form | {"want:marketing.email": "1"})

    assert suppressed(customer_ids=[ada.pk], channel="email", purpose="marketing") == {ada.pk}
    assert Consent.objects.count() == 1


def test_unsubscribing_from_everything_is_one_press(ada):
    Consent.objects.create(customer=ada, purpose="sharing:acme", granted=True, source="test")
    old_address = address_hash(channels.get("email")(), "old@example.com")
    path = urlsplit(
        preferences_url(
            UnsubscribeToken("email", old_address, ada.pk),
            at=timezone.now() - timedelta(days=4000),
        )
    ).path

    answer = Client().post(path, {"everything": "1"})

    assert "You are unsubscribed from everything." in answer.text
    assert not granted(ada)
    assert not granted(ada, channel="", purpose="sharing:acme")
    assert profiling_objectors(at=None) == {ada.pk}
    for channel in ("email", "sms"):
        assert suppressed(customer_ids=[ada.pk], channel=channel, purpose="marketing") == {ada.pk}
    assert Suppression.objects.filter(address_hash=old_address).exists()
    assert set(fields(answer.text)) & {"want:marketing.email", "want:profiling"} == set()


@pytest.mark.parametrize("row_stays", [True, False])
def test_who_was_erased_can_still_stop_messages_to_the_address(ada, row_stays):
    path = link(ada)
    Consent.objects.all().delete()
    if row_stays:
        empty = dict.fromkeys(("email", "email_hash", "phone", "phone_hash", "first_name"), "")
        Customer.objects.update(erased_at=timezone.now(), external_id=None, **empty)
    else:
        Customer.objects.all().delete()

    assert "want:" not in Client().get(path).text
    assert Client().post(path, {"want:profiling": "1"}).status_code == 200
    assert Client().post(path, {"everything": "1"}).status_code == 200

    assert Suppression.objects.count() == 1
    assert not Consent.objects.exists()
    assert not Event.objects.exists()


def test_a_link_to_a_merged_profile_shows_and_changes_the_whole_customer(ada):
    whole = ReaderFactory(consents=["sms"], email="", language="en")
    path = link(ada)
    Customer.objects.filter(pk=ada.pk).update(merged_into=whole)
    form = opened(path)
    assert {"want:marketing.email", "want:marketing.sms"} <= set(form)

    del form["want:marketing.email"]
    Client().post(path, form)

    assert not granted(whole)
    assert granted(whole, channel="sms")
    assert suppressed(customer_ids=[whole.pk], channel="email", purpose="marketing") == {whole.pk}


def test_the_page_speaks_the_customers_language(ada):
    Customer.objects.update(language="zh-CN")

    answer = Client().get(link(ada), headers={"Accept-Language": "en"})

    assert answer["Content-Language"] == "zh-hans"
    assert 'lang="zh-hans"' in answer.text
    assert "您的选择" in answer.text
    assert "You may" not in answer.text


def test_words_of_staff_are_shown_escaped(ada):
    consent_text_add(
        purpose="sharing:acme", channel="", version="1", language="en", text="<b>Yes</b>\nNo"
    )

    page = Client().get(link(ada)).text

    assert "&lt;b&gt;Yes&lt;/b&gt;<br>No" in page
    assert "want:sharing:acme" in page
