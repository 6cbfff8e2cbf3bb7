"""The builder through HTTP: what is drawn, changed, refused and published."""

import json
import re
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.drafts import draft_load
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.services import segment_save
from tests.factories.campaigns import campaign_make
from tests.factories.segments import SegmentFactory, country_rule, rule
from tests.lifecycle_engine.console.segment_builder.building import COUNTRY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]


def test_a_segment_is_built_and_published(builder, django_capture_on_commit_callbacks):
    assert "Nobody is selected until then" in builder.page()
    builder.edit("add", condition="attribute")
    builder.edit("leaf", "0", **COUNTRY)
    builder.edit("add-group")
    builder.edit("kind", "1", kind="none")
    builder.edit("add", "1", condition="stage.is")
    builder.edit("leaf", "1-0", **{"f.one_of": ["lapsed", "loyal"]})

    with django_capture_on_commit_callbacks() as callbacks:
        response = builder.post("publish")

    segment = Segment.objects.get()
    shown = response.headers["HX-Redirect"]
    assert shown == reverse("admin:segments_segment_change", args=[segment.pk])
    assert (segment.key, segment.version, segment.created_by) == ("germans", 1, "admin")
    assert segment.rule == rule(
        country_rule("DE")["rule"]["all"][0],
        {"none": [{"condition": "stage.is", "one_of": ["lapsed", "loyal"]}]},
    )
    assert len(callbacks) == 1, "its membership is to be computed"
    page = builder.client.get(shown).text
    assert "First version: A customer who has a profile where country is DE" in page


def test_an_edit_draws_nothing_anew_but_what_is_wrong(builder):
    builder.edit("add", condition="event.count")

    answer = builder.edit("leaf", "0", **{"f.name": "Order", "f.at_least": "many"})

    assert answer.headers["HX-Reswap"] == "none"
    assert answer.headers["HX-Trigger-After-Settle"] == "segmentChanged"
    slots = dict(re.findall(r'id="(n0-[^"]*)-e"[^>]*>([^<]*)<', answer.text))
    assert slots["n0-at_least"] == "A whole number."
    assert slots["n0-name"] == ""
    assert "<input class" not in answer.text, "no field is drawn anew while somebody types in it"
    assert "1 thing to complete" in answer.text
    assert builder.draft.root["all"][0]["at_least"] == "many", "what was typed is kept"


def test_another_operator_draws_the_condition_anew(builder):
    builder.edit("add", condition="attribute")
    builder.edit("leaf", "0", **COUNTRY)

    missing = builder.edit("leaf", "0", **COUNTRY | {"f.operator": "missing"})

    assert "HX-Reswap" not in missing.headers
    assert 'name="f.operator"' in missing.text
    assert 'name="f.value"' not in missing.text
    assert builder.draft.root == {
        "all": [{"condition": "attribute", "field": "country", "operator": "missing"}]
    }


def test_rows_of_filters_come_and_go(builder):
    builder.edit("add", condition="event.count")
    fields = {"f.name": "Order", "f.at_least": "1"}

    added = builder.edit("row-add", "0", field="where", **fields, **{"f.where.#": "0"})
    row = {"f.where.#": "1", "f.where.0.property": "p", "f.where.0.operator": "missing"}
    builder.edit("leaf", "0", **fields, **row)

    assert 'name="f.where.0.property"' in added.text
    assert builder.draft.root["all"][0]["where"] == [{"property": "p", "operator": "missing"}]
    assert builder.draft.problems() == []
    builder.edit("row-remove", "0", field="where", row="0", **fields, **row)
    assert "where" not in builder.draft.root["all"][0]


@pytest.mark.parametrize(
    ("op", "path", "focus"),
    [
        ("up", "1", "n0-up"),
        ("duplicate", "0", "n1"),
        ("wrap", "1", "n1"),
        ("remove", "1", "n0"),
    ],
)
def test_the_focus_goes_to_what_was_changed(builder, op, path, focus):
    builder.edit("add", condition="attribute")
    builder.edit("add", condition="event.absent")

    answer = builder.edit(op, path)

    (focused,) = re.findall(r"<\w+[^>]* autofocus", answer.text)
    assert f'id="{focus}"' in focused


def test_undo_and_redo(builder):
    builder.edit("add", condition="attribute")
    for value in ("", "D", "DE"):
        builder.edit("leaf", "0", **COUNTRY | {"f.value": value})

    builder.post("step", by="undo")
    assert "value" not in builder.draft.root["all"][0], "typing a word is one step"
    answer = builder.post("step", by="redo")

    assert builder.draft.root["all"][0]["value"] == "DE"
    assert 'value="DE"' in answer.text


def test_a_stale_page_is_refused(builder):
    revision = builder.draft.row.revision
    builder.edit("add", condition="attribute")

    answer = builder.edit("add", condition="attribute", revision=revision)

    assert answer.status_code == 409
    assert "out of date" in answer.text
    assert len(builder.draft.root["all"]) == 1


@pytest.mark.parametrize(
    "data",
    [
        {"op": "add", "condition": "gone.thing"},
        {"op": "add", "path": "9", "condition": "attribute"},
        {"op": "leaf", "path": ""},
        {"op": "explode"},
        {"op": "remove", "path": "7-7"},
        {"op": "row-add", "path": "0", "field": "nothing"},
    ],
)
def test_what_makes_no_sense_changes_nothing_and_says_so(builder, data):
    builder.edit("add", condition="attribute")
    before = builder.draft.content

    answer = builder.post("edit", **data)

    assert answer.status_code == 200
    assert answer.headers["HX-Retarget"] == "#lb-alert"
    assert "le-alert" in answer.text
    assert builder.draft.content == before


def test_texts_are_escaped(builder):
    attack = '"><script>alert(1)</script>'
    builder.edit("add", condition="event.absent")
    builder.edit("leaf", "0", **{"f.name": attack})
    builder.edit("details", name=attack)

    page = builder.page()

    assert "<script>alert" not in page
    assert unescape(page).count(attack) >= 2


def test_only_the_owner_and_only_who_may_change_segments(builder, client):
    other = User.objects.create(username="bert", is_staff=True)
    client.force_login(other)
    assert client.get(builder.url()).status_code == 403

    other.user_permissions.add(Permission.objects.get(codename="change_segment"))
    assert client.get(builder.url()).status_code == 404
    assert client.post(builder.url("publish"), {"revision": 0}).status_code == 404
    late = client.get(builder.url("counts"), headers={"HX-Request": "true"})
    assert (late.status_code, late.content) == (204, b"")


def test_a_plain_reader_sees_the_segment_and_no_button(client):
    segment = SegmentFactory()
    reader = User.objects.create(username="bert", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_segment"))
    client.force_login(reader)

    page = client.get(reverse("admin:segments_segment_change", args=[segment.pk])).text

    assert "country is DE" in page
    assert "Edit in the builder" not in page


def test_publishing_over_another_s_version_is_refused(admin_client):
    segment = segment_save(key="x", name="x", rule=country_rule("DE"), by="bert")
    admin_client.post(reverse("admin:segments_segment_edit", args=[segment.pk]))
    segment_save(key="x", name="x", rule=country_rule("AT"), by="bert")
    draft = SegmentDraft.objects.get()

    url = reverse("admin:segments_draft_publish", args=[draft.pk])
    answer = admin_client.post(url, {"revision": 0})

    assert "Somebody has published version 2 meanwhile" in answer.text
    assert answer.headers["HX-Retarget"] == "#lb-alert"
    segment.refresh_from_db()
    assert segment.version == 2


def test_duplicating_begins_another_one(admin_client):
    segment = SegmentFactory(key="x", name="Germans")

    admin_client.post(reverse("admin:segments_segment_duplicate", args=[segment.pk]))

    draft = draft_load(draft_id=SegmentDraft.objects.get().pk, owner="admin")
    assert draft.row.segment is None
    assert draft.content["name"] == "Germans (copy)"
    assert draft.root == segment.rule["rule"]


def test_what_is_read_by_another_is_not_archived(admin_client):
    segment = SegmentFactory(key="x")
    reader = SegmentFactory(rule=rule({"condition": "segment.member", "segment": "x"}))
    url = reverse("admin:segments_segment_archive", args=[segment.pk])

    assert str(reader) in admin_client.get(url).text
    admin_client.post(url)
    segment.refresh_from_db()
    assert segment.state == "live"

    Segment.objects.filter(pk=reader.pk).delete()
    admin_client.post(url)
    segment.refresh_from_db()
    assert segment.state == "archived"
    assert (
        "It was archived."
        in admin_client.get(reverse("admin:segments_segment_change", args=[segment.pk])).text
        or segment.versions.count() == 1
    )


def test_who_uses_a_segment_is_listed(admin_client):
    campaign = campaign_make(publish=False)

    page = admin_client.get(
        reverse("admin:segments_segment_change", args=[campaign.segment_id])
    ).text

    assert reverse("admin:campaigns_campaign_change", args=[campaign.pk]) in page


def test_an_empty_list_says_what_to_do_next(admin_client):
    url = reverse("admin:segments_segment_changelist")

    assert "Begin one and give it a name." in admin_client.get(url).text
    SegmentFactory()
    assert "Begin one and give it a name." not in admin_client.get(url).text


def test_attributes_are_completed(builder):
    builder.edit("add", condition="attribute")

    found = builder.client.get(
        builder.url("suggest"), {"path": "0", "field": "field", "f.field": "coun"}
    ).text

    assert '<option value="country"' in found


def test_the_json_is_taken_over_after_the_same_checks(builder):
    refused = builder.edit("json", json='{"version": 1, "rule": {"all": [{"condition": "x.y"}]}}')
    assert "No condition &#x27;x.y&#x27;" in refused.text
    assert builder.draft.root == {"all": []}

    builder.edit("json", json=json.dumps(country_rule("DE")))
    assert builder.draft.root == country_rule("DE")["rule"]
