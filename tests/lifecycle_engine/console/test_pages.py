"""The console's own pages, drawn from what services and sinks wrote."""

import html
import re
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.core.cache import cache
from django.urls import reverse

from campaigns.models import Arm, Enrolment
from campaigns.services import campaign_fire, enrolments_advance
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.messaging.sinks import email_store, sms_append
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.campaigns import NOW, campaign_make
from tests.factories.customers import ConsentFactory
from tests.factories.events import track

ATTACK = "<script>alert('1')</script><img src=x onerror=\"alert(2)\">"


@pytest.fixture(autouse=True)
def _now(settings, tmp_path):
    settings.ENGINE_NOW = NOW
    settings.SINK_FOLDER = tmp_path / "sink"
    cache.clear()


@pytest.fixture
def sink(settings):
    return Path(settings.SINK_FOLDER)


def _mail(number):
    message = EmailMessage()
    message["To"], message["Subject"] = f"r{number}@example.com", f"Mail {number} {ATTACK}"
    message.set_content(f"Text {number} {ATTACK}")
    message.add_alternative(f"<p>Body {number}</p>{ATTACK}", subtype="html")
    return message.as_bytes()


@pytest.mark.django_db
def test_an_empty_sink_says_what_will_be_here(admin_client):
    for channel in ("email", "sms", "pigeon"):
        page = admin_client.get(reverse("delivered"), {"channel": channel}).text
        assert "Nothing has arrived here." in page
        assert "<iframe" not in page


@pytest.mark.django_db
def test_a_delivered_mail_is_drawn_where_it_can_do_nothing(admin_client, sink):
    email_store(folder=sink, content=_mail(1), at=NOW)

    response = admin_client.get(reverse("delivered"))

    # An empty sandbox: the frame is allowed nothing, and neither is the mail opened by itself.
    (source,) = re.findall(r'<iframe[^>]* sandbox src="([^"]*)"', response.text)
    mail = admin_client.get(html.unescape(source))
    assert mail.text.strip() == f"<p>Body 1</p>{ATTACK}"
    policy = mail.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("; sandbox")
    assert "script-src" not in policy
    # On the page itself no tag of the mail's is one of the page's.
    assert "<script>alert" not in response.text
    assert "<img src=x" not in response.text
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_delivered_mails_come_newest_first_and_page_by_page(admin_client, sink):
    for number in range(12):
        email_store(folder=sink, content=_mail(number), at=NOW + timedelta(seconds=number))

    first = admin_client.get(reverse("delivered"))
    following = first.context["next"]
    second = admin_client.get(reverse("delivered"), {"before": following})
    strange = admin_client.get(reverse("delivered"), {"channel": "sms", "before": "nowhere"})

    assert [row.to for row in first.context["rows"]] == [
        f"r{number}@example.com" for number in range(11, 1, -1)
    ]
    assert [row.to for row in second.context["rows"]] == ["r1@example.com", "r0@example.com"]
    assert second.context["next"] == ""
    assert strange.status_code == 200


@pytest.mark.django_db
def test_a_delivered_sms_is_shown_as_text(admin_client, sink):
    entry = {
        "to": "+12025550100", "text": f"Hello {ATTACK}", "message_id": "m", "parts": 2,
        "received_at": NOW.isoformat(),
    }  # fmt: skip
    sms_append(folder=sink, entry=entry)

    page = admin_client.get(reverse("delivered"), {"channel": "sms"}).text

    assert "+12025550100" in page
    assert "2 parts" in page
    assert "Hello &lt;script&gt;" in page
    assert "<script>alert" not in page


@pytest.mark.django_db(transaction=True)
def test_a_campaign_s_page_shows_its_books_and_what_it_caused(admin_client, settings):
    campaign = campaign_make(size=6, policy={"holdout": 0.3})
    occurrence = campaign_fire(campaign_id=campaign.pk, fire_at=NOW, at=NOW)
    held_out = Enrolment.objects.order_by("customer_id").values_list("pk", flat=True)[4:]
    Enrolment.objects.update(arm=Arm.TREATED)
    Enrolment.objects.filter(pk__in=list(held_out)).update(arm=Arm.HOLDOUT)
    while enrolments_advance(limit=100, at=NOW):
        pass
    treated = Customer.objects.get(pk=Enrolment.objects.order_by("customer_id")[0].customer_id)
    order = track(
        "o1",
        event="Order Completed",
        userId=treated.external_id,
        timestamp=(NOW + timedelta(days=3)).isoformat(),
        properties={"order_id": "1", "total": 1234.5, "products": [{"sku": "a"}]},
    )
    received_at = NOW + timedelta(days=10)
    assert events_ingest(source="shop", items=[order], received_at=received_at).accepted == 1
    mirror_run()
    url = reverse("admin:campaigns_occurrence_change", args=[occurrence.pk])

    at_once = admin_client.get(url)
    cache.clear()
    settings.ENGINE_NOW = received_at
    later = admin_client.get(url)

    assert "Nothing to compare yet" in at_once.text
    assert at_once.context["books"].balanced
    assert later.context["books"].held_out == 2
    assert [step.targeted for step in later.context["books"].steps] == [4, 4]
    assert later.context["coupons"]["issued"] == 4
    assert "Conversion rate: no effect shown (+25.0 percentage points" in later.text
    assert "1,234.50" in later.text
    assert "do not balance" not in later.text


@pytest.mark.django_db
def test_a_customer_s_past_is_paged_and_their_future_is_not_shown(admin_client):
    items = [
        track(f"m{n}", event=f"Past {n:02}", timestamp=(NOW - timedelta(hours=n)).isoformat())
        for n in range(27)
    ]
    # Two at one moment, on the border of the pages: neither lost nor shown twice.
    items[25]["timestamp"] = items[24]["timestamp"]
    items.append(track("f", event="Future", timestamp=(NOW + timedelta(seconds=1)).isoformat()))
    events_ingest(source="shop", items=items, received_at=NOW + timedelta(days=1))
    url = reverse("admin:customers_customer_change", args=[Customer.objects.get().pk])

    first = admin_client.get(url)
    second = admin_client.get(url, {"before": first.context["events_next"]})
    strange = admin_client.get(url, {"before": "yesterday"})

    names = [[row["event"].name for row in page.context["events"]] for page in (first, second)]
    assert [len(page) for page in names] == [25, 2]
    assert sorted(names[0] + names[1]) == [f"Past {n:02}" for n in range(27)]
    assert names[0][0] == "Past 00"
    assert second.context["events_next"] == ""
    assert [row["event"].name for row in strange.context["events"]] == names[0]
    assert "Future" not in first.text + second.text


@pytest.mark.django_db
def test_a_consent_that_has_expired_is_shown_as_such(admin_client):
    consent = ConsentFactory(expires_at=NOW)
    ConsentFactory(customer=consent.customer, channel="sms")
    url = reverse("admin:customers_customer_change", args=[consent.customer_id])

    page = admin_client.get(url).text

    assert re.findall(r'le-badge-(good|bad)">(\w+)</span> Marketing · (\w+)', page) == [
        ("bad", "expired", "email"),
        ("good", "granted", "sms"),
    ]
