"""The API that consents come in by."""

from datetime import timedelta

import pytest
from django.utils import timezone

from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.consents import consents_granted
from lifecycle_engine.customers.models import Consent
from tests.factories.core import bearer
from tests.factories.customers import ConsentFactory, CustomerFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/consents/"


@pytest.fixture
def send(client):
    headers = bearer(Scope.CONSENTS_WRITE)

    def send(*consents):
        body = {"consents": list(consents)}
        return client.post(URL, body, content_type="application/json", headers=headers)

    return send


def item(**changes):
    said = {"external_id": "ada", "channel": "email", "purpose": "marketing", "granted": True}
    return said | changes


def test_consents_are_recorded_with_their_proof_and_once(send):
    ada = CustomerFactory(external_id="ada")
    yes = item(
        source="checkout form",
        recorded_at="2017-06-01T10:00:00+02:00",
        expires_at="2017-12-01T00:00:00Z",
        text_version="7",
        text_language="en",
        text="Write to me.",
        ip_address="192.0.2.7",
        user_agent="Mozilla/5.0",
    )

    answer, again = send(yes), send(yes)

    assert (answer.status_code, answer.json()) == (200, {"recorded": 1, "rejected": []})
    assert again.json() == {"recorded": 0, "rejected": []}
    entry = Consent.objects.select_related("wording").get()
    assert (entry.customer_id, entry.purpose, entry.channel) == (ada.pk, "marketing", "email")
    assert entry.source == "api:shop: checkout form"
    assert entry.recorded_at.isoformat() == "2017-06-01T08:00:00+00:00"
    assert entry.expires_at.isoformat() == "2017-12-01T00:00:00+00:00"
    assert (entry.ip_address, entry.user_agent) == ("192.0.2.7", "Mozilla/5.0")
    assert entry.wording.text == "Write to me."


def test_each_bad_consent_is_named_and_the_others_are_recorded(send):
    ada = CustomerFactory(external_id="ada")
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()

    answer = send(
        item(external_id="nobody"),
        item(purpose="fun"),
        item(granted="perhaps"),
        "consent",
        item(recorded_at=tomorrow),
        item(channel="pigeon"),
        item(text="Yes."),
        item(external_id="\0"),
        item(),
    )

    rejected = [(r["index"], r["external_id"], r["field"]) for r in answer.json()["rejected"]]
    assert answer.json()["recorded"] == 1
    assert rejected == [
        (0, "nobody", "external_id"),
        (1, "ada", "purpose"),
        (2, "ada", "granted"),
        (3, "", "non_field_errors"),
        (4, "ada", "recorded_at"),
        (5, "ada", "channel"),
        (6, "ada", "text_version"),
        (7, "\0", "external_id"),
    ]
    now = timezone.now()
    assert consents_granted(
        customer_ids=[ada.pk], channel="email", purpose="marketing", at=now
    ) == {ada.pk}


def test_a_key_without_the_scope_is_refused_and_nothing_is_recorded(client):
    CustomerFactory(external_id="ada")

    answer = client.post(
        URL,
        {"consents": [item()]},
        content_type="application/json",
        headers=bearer(Scope.CUSTOMERS_READ),
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert not Consent.objects.exists()


def test_the_customer_shows_what_counts_now(client):
    now = timezone.now()
    ada = CustomerFactory(external_id="ada")
    ConsentFactory(customer=ada, granted=False)
    ConsentFactory(customer=ada, recorded_at=now - timedelta(days=2))
    ConsentFactory(
        customer=ada,
        channel="sms",
        recorded_at=now - timedelta(days=2),
        expires_at=now - timedelta(days=1),
    )

    body = client.get("/api/v1/customers/ada/", headers=bearer(Scope.CUSTOMERS_READ)).json()

    shown = [
        (entry["purpose"], entry["channel"], entry["granted"])
        for entry in body["profile"]["consents"]
    ]
    assert shown == [("marketing", "email", True), ("marketing", "sms", False)]
