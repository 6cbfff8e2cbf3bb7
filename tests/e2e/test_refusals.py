"""What is refused says which field and which value, and leaves every table as it was.

Also a plugin that is gone: what depends on it stops and says so, and loses nothing.
"""

import json

import pytest
from django.apps import apps

from campaigns.errors import ActionMissingError, AudienceUnknownError, CampaignDocumentError
from campaigns.models import CampaignState, CampaignVersion, Enrolment
from campaigns.services import (
    campaign_fire,
    campaign_publish,
    campaign_resume,
    campaign_save,
    campaigns_fire_due,
    enrolments_advance,
)
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.sdk.errors import UnknownExtensionError
from lifecycle_engine.segments.models import Membership, Segment
from lifecycle_engine.segments.rules import RuleError
from lifecycle_engine.segments.services import segment_save, segments_refresh_all
from tests.factories.campaigns import NOW, campaign_make, journey, once
from tests.factories.core import bearer
from tests.factories.events import track
from tests.factories.segments import MembershipFactory, SegmentFactory, country_rule, rule

pytestmark = pytest.mark.django_db

#: What a plugin that was switched off leaves in the database.
GONE_CONDITION = {"condition": "gone.thing", "days": 3}
GONE_SCORER = {
    "condition": "score.value",
    "scorer": "gone.risk",
    "operator": "at_least",
    "value": 0.5,
}


def row_counts() -> dict[str, int]:
    """How many rows each of our tables has."""
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model.__module__.startswith(("lifecycle_engine.", "campaigns."))
    }


def changed(before: dict[str, int]) -> dict[str, int]:
    """By how many rows each table grew or shrank, where it did."""
    after = row_counts()
    return {label: after[label] - before[label] for label in after if after[label] != before[label]}


# A malformed event


@pytest.mark.parametrize(
    ("field", "value", "item"),
    [
        ("type", "'order'", track("m1", type="order")),
        ("timestamp", "'yesterday'", track("m1", timestamp="yesterday")),
        ("userId", "[17]", track("m1", userId=[17])),
        ("event", "event is missing", track("m1", event="")),
        ("messageId", "messageId is missing", track("")),
        ("properties", "'none'", track("m1", properties="none")),
    ],
)
def test_a_malformed_event_is_named_by_field_and_value(client, field, value, item):
    headers = bearer(Scope.EVENTS_WRITE)
    before = row_counts()

    answer = client.post(
        "/api/v1/events/",
        json.dumps({"events": [item]}),
        content_type="application/json",
        headers=headers,
    )

    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (0, 0)
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["field"]) == (0, field)
    assert value in rejected["message"]
    # Nothing but the evidence, for staff to look at.
    assert changed(before) == {"events.RejectedEvent": 1}


# A segment's rule


@pytest.mark.parametrize(
    ("document", "path", "value", "reason"),
    [
        (
            rule({"condition": "attribute", "field": "shoe", "operator": "is", "value": "42"}),
            "rule.all[0].field",
            "shoe",
            "it is 'shoe'",
        ),
        (
            rule(country_rule("DE")["rule"]["all"][0] | {"colour": "red"}),
            "rule.all[0].colour",
            "red",
            "unknown field of the condition (it is 'red')",
        ),
        (
            {"version": 1, "rule": {"all": [{"either": []}]}},
            "rule.all[0].either",
            [],
            "unknown key",
        ),
        ({"version": 1, "rule": {"all": []}, "name": "x"}, "name", "x", "unknown key"),
        ({"version": 9, "rule": {"all": []}}, "version", 9, "it is 9"),
        (rule(GONE_CONDITION), "rule.all[0].condition", "gone.thing", "plugin missing"),
        (rule(GONE_SCORER), "rule.all[0].scorer", "gone.risk", "no scorer 'gone.risk'"),
    ],
)
def test_a_wrong_rule_is_named_by_place_and_value(document, path, value, reason):
    segment = SegmentFactory(key="kept")
    before = row_counts()

    with pytest.raises(RuleError) as new:
        segment_save(key="new", name="New", rule=document)
    with pytest.raises(RuleError):
        segment_save(key="kept", name="Changed", rule=document)

    assert (new.value.path, new.value.value) == (path, value)
    assert str(new.value).startswith(f"{path}: ")
    assert reason in str(new.value)
    assert changed(before) == {}
    segment.refresh_from_db()
    assert (segment.name, segment.rule, segment.version) == ("Kept", country_rule("DE"), 1)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (GONE_CONDITION, "No condition 'gone.thing': is its plugin missing or switched off?"),
        (GONE_SCORER, "rule.all[0].scorer: no scorer 'gone.risk'"),
    ],
)
def test_a_segment_whose_plugin_is_gone_keeps_its_members_and_says_why(stored, reason):
    segment = SegmentFactory(key="stale", rule=rule(stored), size=2, as_of=NOW)
    for number in range(2):
        customer = Customer.objects.create(external_id=f"c{number}")
        MembershipFactory(segment=segment, customer=customer)
    fine = SegmentFactory(key="fine")
    members = set(Membership.objects.values_list("pk", flat=True))
    before = row_counts()

    report = segments_refresh_all(at=NOW)

    assert reason in report.failed["stale"]
    assert [result.segment_id for result in report.refreshed] == [fine.pk]
    assert changed(before) == {"segments.SegmentSize": 1}  # That of the fine one.
    assert set(Membership.objects.values_list("pk", flat=True)) == members
    segment.refresh_from_db()
    assert (segment.size, segment.as_of) == (2, NOW)
    assert reason in segment.error


# A campaign


def test_a_campaign_is_named_by_path_and_value():
    segment = SegmentFactory()
    before = row_counts()
    steps = journey(gift={"action": "gone.thing", "config": {}})

    with pytest.raises(CampaignDocumentError) as refused:
        campaign_save(
            key="new",
            name="New",
            segment_id=segment.pk,
            trigger=once(hour=1),
            journey=steps,
            policy={"holdouts": 0.1},
        )
    problems = {(problem.path, problem.value) for problem in refused.value.problems}
    assert problems == {("trigger.hour", 1), ("policy.holdouts", 0.1)}

    with pytest.raises(CampaignDocumentError, match=r"there is no such action; there is: ") as gone:
        campaign_save(
            key="new", name="New", segment_id=segment.pk, trigger=once(), journey=steps, policy={}
        )
    (problem,) = gone.value.problems
    assert (problem.path, problem.value) == ("journey.steps.gift.action", "gone.thing")
    assert changed(before) == {}


def action_lose() -> None:
    """Make the published journey need an action whose plugin is gone."""
    version = CampaignVersion.objects.get()
    version.journey["steps"]["coupon"]["action"] = "gone.thing"
    version.save()


def test_a_campaign_whose_plugin_is_gone_does_not_fire_and_says_why():
    campaign = campaign_make(size=3)
    action_lose()
    before = row_counts()

    assert campaigns_fire_due(at=NOW) == []

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert "Step “coupon” needs the action “gone.thing”" in campaign.pause_reason
    assert "plugin is missing or switched off" in campaign.pause_reason
    assert changed(before) == {}


def test_a_campaign_on_its_way_stops_where_it_is_when_a_plugin_goes():
    campaign = campaign_make(size=3)
    campaign_fire(campaign_id=campaign.pk, fire_at=NOW, at=NOW)
    action_lose()
    before = row_counts()
    standing = list(Enrolment.objects.order_by("pk").values())

    enrolments_advance(limit=100, at=NOW)

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert "“gone.thing”" in campaign.pause_reason
    assert changed(before) == {}
    assert list(Enrolment.objects.order_by("pk").values()) == standing
    with pytest.raises(ActionMissingError, match=r"gone\.thing"):
        campaign_resume(campaign_id=campaign.pk)


def test_an_audience_that_could_not_be_evaluated_is_not_acted_on():
    campaign = campaign_make(size=3)
    Segment.objects.update(rule=rule(GONE_CONDITION))
    segments_refresh_all(at=NOW)
    before = row_counts()

    assert campaigns_fire_due(at=NOW) == []

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert "No condition 'gone.thing'" in campaign.pause_reason
    with pytest.raises(AudienceUnknownError, match=r"gone\.thing"):
        campaign_publish(campaign_id=campaign.pk, at=NOW)
    assert changed(before) == {}


# A scorer


def test_a_scorer_whose_plugin_is_gone_is_named():
    before = row_counts()

    with pytest.raises(UnknownExtensionError, match=r"No scorer 'gone\.risk': is its plugin"):
        model_train(scorer_key="gone.risk", as_of=NOW, at=NOW)

    assert changed(before) == {}
