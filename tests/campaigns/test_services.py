"""Saving, publishing and firing campaigns."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from campaigns.errors import (
    ActionMissingError,
    AudienceTooLargeError,
    AudienceUnknownError,
    CampaignDocumentError,
    CampaignStateError,
)
from campaigns.gates.holdout import holdout_arm
from campaigns.models import Campaign, CampaignState, CampaignVersion, Enrolment, Occurrence
from campaigns.services import (
    campaign_fire,
    campaign_pause,
    campaign_publish,
    campaign_resume,
    campaign_save,
    campaigns_fire_due,
    enrolments_advance,
)
from lifecycle_engine.segments.models import Membership, Segment
from tests.factories.campaigns import NOW, audience, campaign_make, journey, once

pytestmark = pytest.mark.django_db


def fire(campaign, *, fire_at=NOW):
    return campaign_fire(campaign_id=campaign.pk, fire_at=fire_at, at=NOW)


def test_saving_a_wrong_campaign_changes_nothing():
    campaign = campaign_make(publish=False)
    before = Campaign.objects.values().get()
    with pytest.raises(CampaignDocumentError, match=r"policy\.holdout"):
        campaign_save(
            key=campaign.key,
            name="Changed",
            segment_id=campaign.segment_id,
            trigger=campaign.trigger,
            journey=campaign.journey,
            policy={"holdout": 2},
        )
    assert Campaign.objects.values().get() == before


def test_saving_for_no_segment_names_it():
    with pytest.raises(CampaignDocumentError, match="segment = 999"):
        campaign_save(
            key="x", name="X", segment_id=999, trigger=once(), journey=journey(), policy={}
        )
    assert not Campaign.objects.exists()


def test_publishing_makes_numbered_versions_that_stay_as_they_are():
    campaign = campaign_make(size=3)
    first = CampaignVersion.objects.get()
    assert (first.number, first.approved_size, first.published_at) == (1, 3, NOW)
    stored = CampaignVersion.objects.values().get()

    campaign_save(
        key=campaign.key,
        name=campaign.name,
        segment_id=campaign.segment_id,
        trigger=campaign.trigger,
        journey=campaign.journey,
        policy={"holdout": 0.5},
    )
    second = campaign_publish(campaign_id=campaign.pk, at=NOW)

    assert second.number == 2
    assert second.policy["holdout"] == 0.5
    assert CampaignVersion.objects.values().get(number=1) == stored


def test_publishing_the_same_again_makes_no_version():
    campaign = campaign_make()
    again = campaign_publish(campaign_id=campaign.pk, at=NOW + timedelta(days=1))
    assert (again.number, again.published_at) == (1, NOW)
    assert CampaignVersion.objects.count() == 1


def test_firing_enrols_the_audience_once_with_the_hashed_arm():
    campaign = campaign_make(size=60, policy={"holdout": 0.3})
    occurrence = fire(campaign)
    enrolments = Enrolment.objects.filter(occurrence=occurrence)
    assert occurrence.audience == 60
    assert {row.customer_id: row.arm for row in enrolments} == {
        customer_id: holdout_arm(campaign_key=campaign.key, customer_id=customer_id, share=0.3)
        for customer_id in Membership.objects.values_list("customer_id", flat=True)
    }
    assert {(row.state, row.step, row.due_at) for row in enrolments} == {("active", "coupon", NOW)}


def test_a_second_fire_is_a_no_op_and_the_audience_stays_frozen():
    campaign = campaign_make(size=3)
    first = fire(campaign)
    audience(2, key="welcome-audience")
    assert fire(campaign) == first
    assert Enrolment.objects.count() == 3


def test_a_campaign_that_is_not_live_does_not_fire():
    campaign = campaign_make(publish=False)
    with pytest.raises(CampaignStateError, match="draft"):
        fire(campaign)
    assert not Occurrence.objects.exists()


def test_an_audience_that_grew_too_far_pauses_and_enrols_nobody():
    campaign = campaign_make(size=2)
    audience(3, key="welcome-audience")
    with pytest.raises(AudienceTooLargeError, match="5 customers, more than 2 times the 2"):
        fire(campaign)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert "5 customers" in campaign.pause_reason
    assert not Enrolment.objects.exists()
    assert not Occurrence.objects.exists()


def test_publishing_again_approves_the_new_size():
    campaign = campaign_make(size=2)
    audience(3, key="welcome-audience")
    with pytest.raises(AudienceTooLargeError):
        fire(campaign)
    version = campaign_publish(campaign_id=campaign.pk, at=NOW)
    assert (version.number, version.approved_size) == (2, 5)
    assert fire(campaign).audience == 5


def test_an_audience_that_could_not_be_evaluated_pauses():
    campaign = campaign_make()
    Segment.objects.update(error="no such column")
    with pytest.raises(AudienceUnknownError, match="no such column"):
        fire(campaign)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert not Occurrence.objects.exists()


def test_a_missing_plugin_pauses_only_its_own_campaign_and_is_named():
    broken, fine = campaign_make(key="broken"), campaign_make(key="fine")
    document = journey(a={"action": "loyalty.points"})
    CampaignVersion.objects.filter(campaign=broken).update(journey=document)

    fired = campaigns_fire_due(at=NOW)

    assert [occurrence.campaign for occurrence in fired] == [fine]
    broken.refresh_from_db()
    assert broken.state == CampaignState.PAUSED
    assert "loyalty.points" in broken.pause_reason
    with pytest.raises(ActionMissingError, match="loyalty"):
        campaign_resume(campaign_id=broken.pk)


def test_due_campaigns_fire_once_and_not_before_their_time():
    campaign_make(trigger=once(time="09:00"))
    assert campaigns_fire_due(at=NOW) == []
    later = NOW + timedelta(hours=9, minutes=5)
    (occurrence,) = campaigns_fire_due(at=later)
    assert occurrence.fire_at == NOW + timedelta(hours=9)
    assert campaigns_fire_due(at=later) == []


def test_a_moment_before_publishing_is_not_made_up_for():
    campaign_make(trigger={"kind": "schedule", "every": "daily", "time": "23:00"})
    assert campaigns_fire_due(at=NOW + timedelta(hours=1)) == []


def test_a_paused_campaign_waits_and_goes_on():
    campaign = campaign_make()
    campaign_pause(campaign_id=campaign.pk, reason="to look at it")
    assert campaigns_fire_due(at=NOW) == []
    campaign_resume(campaign_id=campaign.pk)
    assert len(campaigns_fire_due(at=NOW)) == 1
    with pytest.raises(CampaignStateError, match="not paused"):
        campaign_resume(campaign_id=campaign.pk)


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_fire_at_once_make_one_occurrence():
    campaign = campaign_make(size=20)
    barrier, found = threading.Barrier(2), []

    def work():
        try:
            barrier.wait(timeout=10)
            found.append(fire(campaign).pk)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)

    assert len(found) == 2
    assert len(set(found)) == 1
    assert Occurrence.objects.get().audience == 20
    assert Enrolment.objects.count() == 20


def test_the_campaigns_zone_counts():
    campaign_make(trigger=once(date="2017-12-02", time="00:00", zone="Asia/Tokyo"))
    assert campaigns_fire_due(at=datetime(2017, 12, 1, 14, 59, tzinfo=UTC)) == []
    assert len(campaigns_fire_due(at=datetime(2017, 12, 1, 15, tzinfo=UTC))) == 1


def test_a_segment_that_was_never_computed_is_no_empty_audience():
    campaign = campaign_make(size=3)
    draft = campaign_make(size=3, key="draft", publish=False)
    Segment.objects.update(as_of=None)

    with pytest.raises(AudienceUnknownError, match="has not been computed yet"):
        campaign_publish(campaign_id=draft.pk, at=NOW)
    with pytest.raises(AudienceUnknownError, match="welcome-audience"):
        fire(campaign)

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert not Occurrence.objects.exists()
    assert CampaignVersion.objects.count() == 1


def test_a_configuration_that_its_action_has_come_to_refuse_stops_no_other_campaign():
    stale = campaign_make(size=1, key="stale")
    moving = campaign_make(size=1, key="moving")
    fire(moving)
    fine = campaign_make(size=1, key="fine")
    for campaign in (stale, moving):
        version = CampaignVersion.objects.get(campaign=campaign)
        version.journey["steps"]["mail"]["config"]["tone"] = "warm"
        version.save()

    fired = campaigns_fire_due(at=NOW)
    moved = enrolments_advance(limit=100, at=NOW) + enrolments_advance(limit=100, at=NOW)

    assert [occurrence.campaign_id for occurrence in fired] == [fine.pk]
    assert moved > 0
    reasons = dict(Campaign.objects.values_list("key", "pause_reason"))
    for key in ("stale", "moving"):
        assert reasons[key].startswith("journey.steps.mail.config.tone = 'warm': ")
    assert reasons["fine"] == ""
