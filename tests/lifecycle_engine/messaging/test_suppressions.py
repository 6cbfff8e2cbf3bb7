"""The suppression list: scopes, lifting with a trace, and what consents can't undo."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from lifecycle_engine.customers.consents import ConsentRow, consents_record
from lifecycle_engine.messaging.addresses import address_hash
from lifecycle_engine.messaging.delivery import outbox_deliver
from lifecycle_engine.messaging.models import Message, Suppression
from lifecycle_engine.messaging.selectors import suppressed
from lifecycle_engine.messaging.services import QueuedMessage, messages_queue
from lifecycle_engine.messaging.suppressions import (
    OPT_IN,
    SuppressionError,
    address_suppressions,
    addresses_suppressed,
    own_suppressions_lift,
    suppression_add,
    suppression_lift,
)
from lifecycle_engine.sdk.channels import channels
from tests.factories.messaging import EmailTemplateFactory, ReaderFactory

pytestmark = pytest.mark.django_db
AT = datetime(2017, 12, 1, tzinfo=UTC)
ADA = "Ada@Example.com"


def stopped(purpose, channel="email", address=" ada@example.COM"):
    carrier = channels.get(channel)()
    return bool(addresses_suppressed(channel=carrier, addresses=[address], purpose=purpose))


@pytest.mark.parametrize(
    ("scope", "marketing", "order", "asking"),
    [
        ({}, True, True, True),
        ({"purpose": "marketing"}, True, False, True),
        ({"purpose": "order"}, False, True, False),
        ({"everywhere": True}, True, True, True),
    ],
)
def test_an_entry_stops_what_its_scope_says(scope, marketing, order, asking):
    suppression_add(channel="email", address=ADA, reason="asked", **scope)

    assert stopped("marketing") is marketing
    assert stopped("order") is order
    assert stopped(OPT_IN) is asking
    assert not stopped("marketing", address="bob@example.com")
    assert not stopped("marketing", channel="sms")


def test_hashes_of_addresses_stay_what_they_were(settings):
    # Links in e-mails that were sent long ago hold them.
    settings.HASH_KEY = "a key for this test"

    assert address_hash(channels.get("email")(), ADA) == (
        "9cbd60a11c7a0eeb07f02b88fc6ca3cc9c4e9c0a085eaf06dd5477e59c87fe46"
    )


def test_a_lifted_entry_stays_with_its_reason_and_can_be_made_again():
    suppression_add(channel="email", address=ADA, reason="bounced", source="staff", by="eve")
    entry = Suppression.objects.get()

    suppression_lift(suppression_id=entry.pk, reason=" mailbox is back ", by="adam", at=AT)

    entry.refresh_from_db()
    assert (entry.reason, entry.source, entry.added_by) == ("bounced", "staff", "eve")
    assert (entry.lifted_at, entry.lifted_by, entry.lift_reason) == (AT, "adam", "mailbox is back")
    assert not stopped("marketing")
    assert suppression_add(channel="email", address=ADA, reason="bounced again")
    assert stopped("marketing")
    assert [found.reason for found in address_suppressions(channel="email", address=ADA)] == [
        "bounced again"
    ]
    assert Suppression.objects.count() == 2


def test_lifting_without_a_reason_or_twice_is_refused_and_changes_nothing():
    suppression_add(channel="email", address=ADA, reason="bounced")
    entry = Suppression.objects.get()

    with pytest.raises(SuppressionError, match="Say why"):
        suppression_lift(suppression_id=entry.pk, reason=" ", by="adam", at=AT)
    assert stopped("marketing")

    suppression_lift(suppression_id=entry.pk, reason="mistake", by="adam", at=AT)
    before = Suppression.objects.values().get()
    with pytest.raises(SuppressionError, match="lifted before"):
        suppression_lift(suppression_id=entry.pk, reason="again", by="eve", at=timezone.now())
    assert Suppression.objects.values().get() == before


@pytest.mark.parametrize("wrong", [{"address": "  "}, {"reason": " "}])
def test_an_entry_without_address_or_reason_is_refused(wrong):
    with pytest.raises(SuppressionError, match="are needed"):
        suppression_add(**{"channel": "email", "address": ADA, "reason": "asked"} | wrong)

    assert not Suppression.objects.exists()


def test_the_addressee_takes_back_only_what_it_asked_for_itself():
    hashed = address_hash(channels.get("email")(), ADA)
    for source in ("preference centre", "staff"):
        purpose = "marketing" if source == "preference centre" else ""
        suppression_add(
            channel="email", address=ADA, purpose=purpose, reason="asked", source=source
        )

    assert own_suppressions_lift(hashed=hashed, purpose="marketing", reason="again", at=AT) == 1
    assert own_suppressions_lift(hashed=hashed, purpose="", reason="again", at=AT) == 0

    assert stopped("marketing")


def test_no_consent_that_is_imported_brings_a_suppressed_address_back(settings):
    # given one who unsubscribed, and an import that says she agreed since
    ada = ReaderFactory(consents=[])
    suppression_add(channel="email", address=ada.email, reason="unsubscribed", purpose="marketing")
    EmailTemplateFactory()
    grant = ConsentRow(
        customer_id=ada.pk,
        channel="email",
        purpose="marketing",
        granted=True,
        source="import",
        recorded_at=timezone.now() - timedelta(minutes=1),
    )

    # when
    assert consents_record(rows=[grant]).recorded == 1
    messages_queue(
        rows=[
            QueuedMessage(
                customer_id=ada.pk,
                template_key="hello",
                channel="email",
                campaign="",
                dedupe_key="1",
                context={"code": "ABC"},
            )
        ]
    )
    outbox_deliver(worker="w", limit=10, at=AT)

    # then
    assert suppressed(customer_ids=[ada.pk], channel="email", purpose="marketing") == {ada.pk}
    message = Message.objects.get()
    assert (message.state, message.reason) == ("suppressed", "The address is suppressed.")


def test_staff_suppress_check_and_lift_without_an_address_in_any_url(admin_client):
    add = reverse("admin:messaging_suppression_add_address")
    check = reverse("admin:messaging_suppression_check_address")
    form = {"channel": "email", "address": ADA, "scope": "everywhere", "reason": "lawyer's letter"}

    assert admin_client.post(add, form | {"reason": ""}).status_code == 200
    assert not Suppression.objects.exists()
    assert admin_client.post(add, form).status_code == 302
    entry = Suppression.objects.get()
    assert (entry.channel, entry.purpose, entry.added_by) == ("", "", "admin")

    shown = admin_client.post(check, {"channel": "email", "address": "ADA@example.com"}).text
    other = admin_client.post(check, {"channel": "email", "address": "bob@example.com"}).text
    assert "lawyer&#x27;s letter" in shown
    assert "not suppressed" in other

    lift = reverse("admin:messaging_suppression_lift", args=[entry.pk])
    admin_client.get(lift)
    admin_client.post(lift, {"reason": ""})
    assert Suppression.objects.get().lifted_at is None
    admin_client.post(lift, {"reason": "settled"})
    entry.refresh_from_db()
    assert (entry.lifted_by, entry.lift_reason) == ("admin", "settled")
    assert "not suppressed" in admin_client.post(check, {"channel": "email", "address": ADA}).text


def test_who_may_only_look_neither_adds_nor_lifts(client, django_user_model):
    suppression_add(channel="email", address=ADA, reason="bounced")
    entry = Suppression.objects.get()
    user = django_user_model.objects.create(username="viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_suppression"))
    client.force_login(user)
    add = reverse("admin:messaging_suppression_add_address")
    lift = reverse("admin:messaging_suppression_lift", args=[entry.pk])
    form = {"channel": "email", "address": "b@c.de", "scope": "channel", "reason": "asked"}

    assert client.get(reverse("admin:messaging_suppression_changelist")).status_code == 200
    assert client.post(add, form).status_code == 403
    assert client.post(lift, {"reason": "no"}).status_code == 403

    assert Suppression.objects.get().lifted_at is None
