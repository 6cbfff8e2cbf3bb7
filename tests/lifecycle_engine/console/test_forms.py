"""What staff write: through the services, and refused at the field that is wrong."""

import json
import re

import pytest
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, CampaignVersion
from lifecycle_engine.segments.models import Segment
from tests.factories.campaigns import NOW, campaign_make, journey, once
from tests.factories.customers import CustomerFactory


@pytest.fixture(autouse=True)
def _now(settings):
    settings.ENGINE_NOW = NOW


def _button(page, text):
    """The name under which the page's own button with this text is sent."""
    (name,) = re.findall(rf'<button[^>]*name="([^"]+)"[^>]*>\s*{text}', page)
    return {name: "1"}


def _errors(response):
    return response.context["adminform"].form.errors


def _campaign(campaign, **changes):
    documents = {name: getattr(campaign, name) for name in ("trigger", "journey", "policy")}
    return {
        "name": campaign.name,
        "key": campaign.key,
        "segment": campaign.segment_id,
        **{name: json.dumps(value) for name, value in (documents | changes).items()},
    }


@pytest.mark.django_db
def test_a_wrong_campaign_is_refused_at_its_documents(admin_client):
    campaign = campaign_make(publish=False)
    before = Campaign.objects.values().get()
    steps = journey(mail={"action": "message.email", "config": {"template": "gone"}})
    form = _campaign(campaign, trigger=once(hour=1), policy={"holdout": 2})
    url = reverse("admin:campaigns_campaign_change", args=[campaign.pk])

    parsed = admin_client.post(url, form)
    checked = admin_client.post(url, _campaign(campaign, journey=steps))

    assert sorted(_errors(parsed)) == ["policy", "trigger"]
    assert _errors(parsed)["policy"][0].startswith("policy.holdout = 2: ")
    assert _errors(parsed)["trigger"][0].startswith("trigger.hour = 1: ")
    assert _errors(checked)["journey"] == [
        "journey.steps.mail.config.template = 'gone': there is no such template"
    ]
    assert Campaign.objects.values().get() == before


@pytest.mark.django_db
def test_a_campaign_is_saved_published_paused_and_resumed(admin_client):
    campaign = campaign_make(size=2, publish=False)
    url = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    form = _campaign(campaign, policy={"holdout": 0.5})

    page = admin_client.get(url).text

    admin_client.post(url, form)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.policy["holdout"]) == (CampaignState.DRAFT, 0.5)

    admin_client.post(url, form | _button(page, "Save and publish"))
    campaign.refresh_from_db()
    version = CampaignVersion.objects.get()
    assert campaign.state == CampaignState.LIVE
    assert (version.number, version.approved_size, version.published_at) == (1, 2, NOW)

    admin_client.post(url, form | _button(page, "Save and pause"))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.pause_reason) == (CampaignState.PAUSED, "Paused by admin")

    admin_client.post(url, form | _button(page, "Save and resume"))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.pause_reason) == (CampaignState.LIVE, "")
    assert CampaignVersion.objects.count() == 1


@pytest.mark.django_db
def test_what_can_not_be_published_says_why_and_stays_a_draft(admin_client):
    campaign = campaign_make(publish=False)
    Segment.objects.update(error="its plugin is gone")
    url = reverse("admin:campaigns_campaign_change", args=[campaign.pk])

    form = _campaign(campaign) | _button(admin_client.get(url).text, "Save and publish")

    response = admin_client.post(url, form, follow=True)

    assert "its plugin is gone" in " ".join(map(str, response.context["messages"]))
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT
    assert not CampaignVersion.objects.exists()


@pytest.mark.django_db
def test_the_palette_finds_few_and_only_by_beginnings(admin_client, django_assert_max_num_queries):
    CustomerFactory.create_batch(30, last_name="Lovelace")
    CustomerFactory(external_id="other", last_name="Noether")
    url = reverse("admin:search")

    with django_assert_max_num_queries(12) as captured:
        many = admin_client.get(url, {"s": "lovel", "extended": "1"}).text
    queries = [query["sql"] for query in captured]
    one = admin_client.get(url, {"s": "noeth", "extended": "1"}).text
    middle = admin_client.get(url, {"s": "velace", "extended": "1"}).text

    assert many.count("/customers/customer/") == 10
    assert one.count("/customers/customer/") == 1
    assert middle.count("/customers/customer/") == 0
    asked = [sql for sql in queries if 'FROM "customers_customer"' in sql]
    assert asked, "the palette looks for customers"
    assert all(" LIMIT " in sql for sql in asked)
    assert not any("COUNT(" in sql.upper() for sql in queries)
