"""What the builder does otherwise for rules of targets: conditions, times, words, permissions."""

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from lifecycle_engine.scoring.targets.definitions import OUTCOME_CONDITIONS, POPULATION_CONDITIONS
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.drafts import draft_for, draft_publish
from tests.factories.segments import country_rule
from tests.lifecycle_engine.console.segment_builder.building import Builder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]
SIGNED_UP = {"condition": "event.count", "name": "Signed Up", "at_least": 1}


@pytest.fixture
def rule_for(admin_client):
    def begun(purpose):
        draft = draft_for(owner="admin", purpose=purpose, kept={"name": "Signs up"})
        return Builder(admin_client, draft.pk)

    return begun


def offered(builder):
    palette = builder.client.get(builder.url()).context["palette"]
    return {key for _group, entries in palette for key, _label in entries}


@pytest.mark.parametrize(
    ("purpose", "allowed"),
    [("outcome", OUTCOME_CONDITIONS), ("population", POPULATION_CONDITIONS)],
)
def test_only_what_may_be_used_is_offered(rule_for, purpose, allowed):
    assert offered(rule_for(purpose)) == set(allowed)


def test_a_segment_is_offered_everything(builder):
    assert offered(builder) == set(conditions.keys())
    assert 'name="f.days"' in builder.edit("add", condition="event.count").text


@pytest.mark.parametrize("key", OUTCOME_CONDITIONS)
def test_an_outcome_is_not_asked_for_times(rule_for, key):
    drawn = rule_for("outcome").edit("add", condition=key).text
    assert 'name="f.' in drawn
    for name in ("days", "skip_days", "first_day", "last_day", "time_zone"):
        assert f'name="f.{name}"' not in drawn


def test_a_population_may_have_times(rule_for):
    assert 'name="f.days"' in rule_for("population").edit("add", condition="event.count").text


@pytest.mark.parametrize(
    ("leaf", "at", "words"),
    [
        (SIGNED_UP | {"days": 7}, "n0-days", "The time is how far the target looks ahead"),
        (SIGNED_UP | {"skip_days": 7}, "n0-skip_days", "The time is how far the target looks"),
        (SIGNED_UP | {"first_day": "2017-01-01"}, "n0-first_day", "The time is how far the"),
        (country_rule("DE")["rule"]["all"][0], "n0", "“Customer attribute” can't be used here"),
    ],
)
def test_what_an_outcome_may_not_say_is_told_at_its_place(rule_for, leaf, at, words):
    builder = rule_for("outcome")
    document = {"version": 1, "rule": {"all": [leaf, SIGNED_UP]}}

    drawn = builder.edit("json", json=json.dumps(document)).content.decode()

    slot = drawn.partition(f'id="{at}-e"')[2].partition("</p>")[0]
    assert words in slot.replace("&#x27;", "'")
    assert "1 thing to complete" in drawn
    refused = builder.post("publish")
    assert "HX-Redirect" not in refused.headers
    assert words in refused.content.decode().replace("&#x27;", "'")
    builder.edit("remove", "0")
    assert "HX-Redirect" in builder.post("publish").headers


def test_a_time_that_stands_there_can_be_taken_out(rule_for):
    builder = rule_for("outcome")
    document = {"version": 1, "rule": {"all": [SIGNED_UP | {"days": 7}]}}
    builder.edit("json", json=json.dumps(document))

    drawn = builder.edit("leaf", "0", **{"f.name": "Signed Up", "f.at_least": "1", "f.days": ""})

    assert 'name="f.days"' not in drawn.content.decode()
    assert "HX-Redirect" in builder.post("publish").headers


@pytest.mark.parametrize(("purpose", "status"), [("outcome", 404), ("population", 200)])
def test_why_somebody_is_in_is_said_of_now_only(rule_for, purpose, status):
    builder = rule_for(purpose)
    assert builder.client.get(builder.url("why"), {"customer": "1"}).status_code == status


def test_a_page_that_is_behind_uses_nothing(rule_for):
    builder = rule_for("outcome")
    builder.edit("json", json=json.dumps({"version": 1, "rule": {"all": [SIGNED_UP]}}))
    assert builder.post("publish", revision="0").status_code == 409


def test_a_rule_for_a_target_is_no_segment(rule_for):
    builder = rule_for("outcome")
    page = builder.page()
    assert "What counts for “Signs up”" in page
    assert "Use this rule" in page
    assert ">Publish<" not in page
    shown = builder.client.get(reverse("admin:segments_segment_add"))
    assert shown.context["drafts"] == []
    with pytest.raises(SegmentDraft.DoesNotExist):
        draft_publish(draft_id=builder.draft_id, owner="admin", revision=0)
    assert SegmentDraft.objects.count() == 1


@pytest.mark.parametrize(
    ("permission", "purpose", "status"),
    [
        ("add_target", "outcome", 200),
        ("add_target", "", 403),
        ("change_segment", "", 200),
        ("change_segment", "population", 403),
    ],
)
def test_who_may_build_what(client, permission, purpose, status):
    ben = User.objects.create_user("ben", is_staff=True)
    ben.user_permissions.add(Permission.objects.get(codename=permission))
    client.force_login(ben)
    draft = draft_for(owner="ben", purpose=purpose, kept={})
    assert client.get(reverse("admin:segments_draft", args=[draft.pk])).status_code == status
