"""Double opt-in: asked, confirmed once by a press, and no means to flood anybody."""

import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.consents import consents_granted
from lifecycle_engine.customers.models import Consent, ConsentText, Customer
from lifecycle_engine.events.models import Event
from lifecycle_engine.messaging import opt_in
from lifecycle_engine.messaging.delivery import outbox_deliver
from lifecycle_engine.messaging.models import Message, MessageTemplate, OptIn
from lifecycle_engine.messaging.opt_in import OptInError, OptInRequest, opt_in_request, opt_in_url
from lifecycle_engine.messaging.preferences import Proof, Wording
from lifecycle_engine.messaging.suppressions import suppression_add
from tests.factories.core import bearer
from tests.factories.messaging import ReaderFactory

NOW = timezone.now()
MINUTE = timedelta(minutes=1)


def asked(customer, *, at=NOW, wording=None, **changes):
    request = {
        "customer_id": customer.pk,
        "source": "form",
        "wording": wording or Wording("", "", ""),
        "proof": Proof(at, "192.0.2.7"),
    }
    return opt_in_request(OptInRequest(**request | changes)).value


def path():
    return urlsplit(opt_in_url(OptIn.objects.latest("pk"))).path


def granted(customer):
    return bool(
        consents_granted(
            customer_ids=[customer.pk],
            channel="email",
            purpose="marketing",
            at=timezone.now() + MINUTE,
        )
    )


@pytest.fixture
def ada(db):
    return ReaderFactory(consents=[])


def test_a_consent_counts_once_the_button_is_pressed(ada):
    assert asked(ada) == "sent"
    message = Message.objects.select_related("template").get()
    assert (message.template.key, message.template.purpose) == ("opt-in-email-en", "opt-in")
    assert message.context["confirm_url"].endswith(path())
    assert ada.email not in str(message.context)

    # A scanner follows the link.
    page = Client().get(path())
    assert page.status_code == 200
    assert "Yes, I confirm" in page.text
    assert "You may send me offers and news by E-mail." in page.text
    assert Client().head(path()).status_code == 200
    assert not granted(ada)

    answers = [
        Client(enforce_csrf_checks=True).post(
            path(), headers={"User-Agent": "Mozilla/5.0"}, REMOTE_ADDR="192.0.2.8"
        )
        for _again in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert all("Thank you" in answer.text for answer in answers)
    assert granted(ada)
    entry = Consent.objects.select_related("wording").get()
    assert (entry.source, entry.ip_address) == ("double opt-in: form", "192.0.2.8")
    assert entry.user_agent == "Mozilla/5.0"
    assert entry.wording.text.startswith("You may send me offers")
    assert list(Event.objects.values_list("name", flat=True)) == ["Consent Granted"]
    request = OptIn.objects.get()
    assert (request.state, request.requested_ip) == ("confirmed", "192.0.2.7")


@pytest.mark.django_db
def test_a_changed_link_is_not_found_and_confirms_nothing(ada):
    asked(ada)

    for wrong in (path()[:-3] + "x/", path().replace(":", "x:"), "/opt-in/abc/"):
        for method in (Client().get, Client().post):
            assert method(wrong).status_code == 404

    assert not granted(ada)


def test_a_link_that_ran_out_confirms_nothing(ada):
    asked(ada, at=NOW - timedelta(days=opt_in.LINK_DAYS))

    assert Client().get(path()).status_code == 410
    assert Client().post(path()).status_code == 410

    assert not granted(ada)
    assert OptIn.objects.get().state == "pending"


def test_a_link_for_an_address_that_is_not_the_customers_any_more_confirms_nothing(ada):
    asked(ada)
    ada.email = "new@example.com"
    ada.save()

    assert Client().post(path()).status_code == 410
    assert not granted(ada)


def test_requests_that_nobody_confirmed_are_swept_and_the_others_stay(ada):
    confirmed = ReaderFactory(consents=[])
    asked(confirmed, at=NOW - timedelta(days=1))
    Client().post(path())
    asked(ada, at=NOW - timedelta(days=1))
    ends = NOW + timedelta(days=opt_in.LINK_DAYS - 1 + 30)

    assert opt_in.opt_ins_sweep(at=ends) == 0
    assert opt_in.opt_ins_sweep(at=ends + MINUTE) == 1

    assert OptIn.objects.get().customer == confirmed


def test_a_profile_that_was_merged_meanwhile_confirms_for_the_customer(ada):
    asked(ada)
    whole = ReaderFactory(consents=[], email="")
    Customer.objects.filter(pk=ada.pk).update(merged_into=whole)

    assert Client().post(path()).status_code == 200
    assert granted(whole)


def test_nobody_is_flooded(ada):
    assert asked(ada) == "sent"
    assert asked(ada, at=NOW + 9 * MINUTE) == "waiting"
    assert asked(ada, at=NOW + 10 * MINUTE) == "sent"
    assert asked(ada, at=NOW + 30 * MINUTE) == "sent"
    assert asked(ada, at=NOW + 300 * MINUTE) == "waiting"

    # Another account with the same address is no way around it.
    twin = ReaderFactory(consents=[], email=ada.email.upper())
    assert asked(twin, at=NOW + 300 * MINUTE) == "waiting"

    assert Message.objects.count() == 3
    assert OptIn.objects.count() == 1
    assert asked(ada, at=NOW + timedelta(days=2)) == "sent"


def test_another_account_with_the_address_replaces_what_was_pending(ada):
    twin = ReaderFactory(consents=[], email=ada.email)
    asked(ada)
    first = path()

    assert asked(twin, at=NOW + 10 * MINUTE) == "sent"

    assert Client().post(first).status_code == 410
    assert Client().post(path()).status_code == 200
    assert (granted(ada), granted(twin)) == (False, True)


@pytest.mark.parametrize("scope", [{}, {"purpose": "marketing"}, {"everywhere": True}])
def test_a_suppressed_address_gets_nothing(ada, scope):
    suppression_add(channel="email", address=ada.email, reason="unsubscribed", **scope)

    assert asked(ada) == "suppressed"

    assert not OptIn.objects.exists()
    assert not Message.objects.exists()
    assert not ConsentText.objects.exists()


def test_an_address_that_is_suppressed_after_the_request_gets_nothing_either(ada):
    asked(ada)
    suppression_add(channel="email", address=ada.email, reason="asked", purpose="marketing")

    outbox_deliver(worker="w", limit=10, at=NOW)

    assert Message.objects.get().state == "suppressed"


def test_who_has_agreed_is_not_asked_again(ada):
    Consent.objects.create(
        customer=ada, channel="email", purpose="marketing", granted=True, source="test",
        recorded_at=NOW - MINUTE,
    )  # fmt: skip

    assert asked(ada) == "granted"
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_what_can_not_be_asked_is_refused_and_changes_nothing():
    nobody = Customer(pk=1)
    mute = ReaderFactory(consents=[], email="")
    ada = ReaderFactory(consents=[])

    for customer, wording, field in (
        (nobody, None, "external_id"),
        (mute, None, "external_id"),
        (ada, Wording("", "7", "en"), "text"),
    ):
        with pytest.raises(OptInError) as refusal:
            asked(customer, wording=wording)
        assert refusal.value.field == field

    assert not OptIn.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_the_message_is_in_the_customers_language_and_staff_may_change_it():
    lin = ReaderFactory(consents=[], language="zh-CN")
    asked(lin)

    template = MessageTemplate.objects.get()
    assert (template.key, template.subject) == ("opt-in-email-zh-hans", "请确认您的订阅")
    assert OptIn.objects.get().wording.language == "zh-hans"
    assert "是的，我确认" in Client().get(path()).text

    template.subject = "您好"
    template.save()
    other = ReaderFactory(consents=[], language="zh-hans")
    asked(other)
    assert MessageTemplate.objects.get().subject == "您好"


@pytest.mark.django_db(transaction=True)
def test_two_who_confirm_at_once_make_one_entry():
    ada = ReaderFactory(consents=[])
    asked(ada)
    (found,) = OptIn.objects.values_list("pk", flat=True)
    states, start = [], threading.Barrier(4)

    def press(number):
        try:
            start.wait()
            proof = Proof(timezone.now(), f"192.0.2.{number}")
            states.append(opt_in.opt_in_confirm(opt_in_id=found, proof=proof))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert states == ["confirmed"] * 4
    assert Consent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_send_one_message():
    ada = ReaderFactory(consents=[])
    outcomes, start = [], threading.Barrier(4)

    def ask():
        try:
            start.wait()
            outcomes.append(asked(ada))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["sent", "waiting", "waiting", "waiting"]
    assert Message.objects.count() == 1


@pytest.mark.django_db
def test_a_shop_starts_it_through_the_api(client):
    ReaderFactory(external_id="ada", consents=[])
    headers = bearer(Scope.CONSENTS_WRITE)

    def send(**body):
        return client.post(
            "/api/v1/opt-ins/", body, content_type="application/json", headers=headers
        )

    said = {"text": "Yes, do.", "text_version": "3", "text_language": "en"}
    answer = send(external_id="ada", source="footer", ip_address="192.0.2.7", **said)

    assert (answer.status_code, answer.json()) == (202, {"state": "sent"})
    request = OptIn.objects.select_related("wording").get()
    assert (request.source, request.wording.text) == ("api:shop: footer", "Yes, do.")
    assert send(external_id="ada").json() == {"state": "waiting"}
    assert send(external_id="nobody").json()["fields"] == {"external_id": ["names nobody"]}
    wrong = send(external_id="ada", text="Yes.")
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["text_version"])
    assert OptIn.objects.count() == 1
