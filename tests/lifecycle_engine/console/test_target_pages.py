"""Staff define a target in a form, see how often it was true, make it and put it away."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.scoring.targets.rates import target_rates
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.preview_sessions import preview_sessions
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.campaigns import campaign_make
from tests.factories.segments import rule
from tests.lifecycle_engine.console.segment_builder.building import Builder

NOW = datetime(2017, 12, 1, tzinfo=UTC)
URL = "/admin/scoring/target/new/"
SIGNED_UP = {"condition": "event.count", "name": "Signed Up", "at_least": 1}
SIGNS_UP = json.dumps({"version": 1, "rule": {"all": [SIGNED_UP]}})
ARCHIVE = '<button type="submit" class="le-button le-button-main">Archive</button>'
FORM = {
    "name": "Signs up",
    "counts": "event",
    "kind": "department",
    "event": "Signed Up",
    "times": "1",
    "horizon_days": "30",
    "population": "buyers",
}


@pytest.fixture
def shop(transactional_db, settings):
    """Three customers order in September; the first two sign up in October, the first again."""
    settings.ENGINE_NOW = NOW
    items = [item(name, "Order Completed", 75) for name in ("a", "b", "c")]
    items += [item("a", "Signed Up", 50), item("b", "Signed Up", 40), item("a", "Signed Up", 5)]
    assert events_ingest(source="shop", items=items, received_at=NOW).rejected == []
    mirror_run()
    yield
    preview_sessions.close()


@pytest.fixture
def nothing_seen(monkeypatch):
    """No warehouse to complete names from."""
    for name in ("events_seen", "catalogue_seen"):
        monkeypatch.setattr(
            f"lifecycle_engine.console.target_pages.{name}", lambda **_given: {"Signed Up": 1}
        )


def built(client, purpose, **filled):
    """Ask for a rule, and be in its builder."""
    answer = client.post(URL, FORM | filled | {"build": purpose})
    draft = SegmentDraft.objects.filter(purpose=purpose).latest("pk")
    assert answer.url == reverse("admin:scoring_target_rule", args=[draft.pk])
    return Builder(client, draft.pk)


def revision_shown(page):
    """That of the rule for what counts, as the form has it."""
    (found,) = re.findall(r'name="outcome_revision" value="(\d+)"', page.content.decode())
    return found


def filled(url):
    """What the form has filled in where a page leads back to it."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def item(name, event, ago):
    return {
        "type": "track",
        "messageId": f"{event}-{name}-{ago}",
        "userId": name,
        "event": event,
        "timestamp": (NOW - timedelta(days=ago)).isoformat(),
        "properties": {"order_id": name, "total": 5.0, "products": []},
    }


def test_it_says_how_often_it_was_true_and_makes_the_target(shop, admin_client):
    looked = admin_client.post(URL, FORM | {"look": "1"})
    said = looked.content.decode()
    windows = looked.context["windows"]
    assert [(row["customers"], row["positives"]) for row in windows] == [("3", "1")]
    assert "Not enough to learn from yet." in said
    assert "customers of whom it came true: 1 there, 50 needed" in said
    assert "did “Signed Up” at least 1 time" in said
    assert not Target.objects.exists()

    made = admin_client.post(URL, FORM | {"make": "1"})
    target = Target.objects.get()
    assert (target.key, target.made_by, target.population) == (
        *("propensity.signs_up", "admin", "buyers"),
    )
    page = admin_client.get(made.url)
    assert page.status_code == 200
    assert "propensity.signs_up" in page.content.decode()


def test_a_target_is_archived_once_nothing_reads_its_scores(shop, admin_client):
    admin_client.post(URL, FORM | {"make": "1"})
    target = Target.objects.get()
    score = {"condition": "score.value", "scorer": target.key, "operator": "at_least", "value": 0.5}
    campaign = campaign_make(size=1)
    Segment.objects.update(name="Keen ones", rule=rule(score))
    url = reverse("admin:scoring_target_archive", args=[target.pk])

    asked = admin_client.get(url).content.decode()
    for named in ("Keen ones", campaign.name, "Change these first."):
        assert named in asked
    assert ARCHIVE not in asked
    refused = admin_client.post(url, follow=True).content.decode()
    target.refresh_from_db()
    assert target.archived_at is None
    assert "“Keen ones” reads this target&#x27;s scores" in refused
    assert "Where it is used" in refused

    Segment.objects.update(state="archived")
    assert ARCHIVE in admin_client.get(url).content.decode()
    admin_client.post(url)
    target.refresh_from_db()
    assert target.archived_by == "admin"


def test_who_may_not_make_targets_archives_none(client, db):
    target = Target.objects.create(
        key="propensity.x", name="X", outcome=json.loads(SIGNS_UP), made_by="anna"
    )
    client.force_login(User.objects.create_user("ben", is_staff=True))
    url = reverse("admin:scoring_target_archive", args=[target.pk])
    assert [client.get(url).status_code, client.post(url).status_code] == [403, 403]
    target.refresh_from_db()
    assert target.archived_at is None


def test_rates_are_of_windows_that_are_over(shop):
    rule = {"all": [{"condition": "event.count", "name": "Signed Up", "at_least": 1}]}
    target = Target(
        key="propensity.x", name="X", horizon_days=20, outcome={"version": 1, "rule": rule}
    )
    rates = target_rates(target=target, at=NOW)
    found = [(one.start, one.customers, one.positives) for one in rates.windows]
    assert found == [
        (NOW - timedelta(days=20), 3, 1),
        (NOW - timedelta(days=50), 3, 2),
    ]
    assert {need.what: need.found for need in rates.needs} == {
        "days": 75,
        "customers": 3,
        "positives": 1,
        "negatives": 2,
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"event": ""}, "event"),
        ({"name": "注册"}, "slug"),
        ({"slug": "Signs Up"}, "slug"),
        ({"property": "plan"}, "value"),
        ({"horizon_days": "0"}, "horizon_days"),
        ({"counts": "part"}, "part"),
        ({"counts": "rule"}, "counts"),
        ({"counts": "rule", "outcome_draft": "77"}, "counts"),
        ({"counts": "rule", "outcome_draft": "x"}, "counts"),
        ({"population": "rule"}, "population"),
    ],
)
def test_what_is_missing_is_said_at_its_field(admin_client, db, nothing_seen, changes, field):
    answer = admin_client.post(URL, FORM | changes | {"make": "1"})
    assert list(answer.context["form"].errors) == [field]
    assert not Target.objects.exists()


def test_who_may_not_make_targets_gets_no_form(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("ben", is_staff=True))
    assert client.get(URL).status_code == 403


def test_a_target_is_made_of_rules_that_were_built(shop, admin_client):
    outcome = built(admin_client, "outcome", name="Signs up, or not", horizon_days="20")
    outcome.edit("add", condition="event.count")
    outcome.edit("leaf", "0", **{"f.name": "Signed Up", "f.at_least": "1"})
    outcome.edit("add-group")
    outcome.edit("kind", "1", kind="none")
    outcome.edit("add", "1", condition="event.absent")
    outcome.edit("leaf", "1-0", **{"f.name": "Signed Up"})
    back = outcome.post("publish").headers["HX-Redirect"]

    looked = admin_client.get(back)
    assert [row["positives"] for row in looked.context["windows"]] == ["1", "2"], (
        "with a rule there is something to look at"
    )
    people = built(admin_client, "population", **filled(back))
    people.edit("add", condition="event.first_or_last")
    people.edit("leaf", "0", **{"f.name": "Order Completed", "f.which": "last", "f.days": "60"})
    back = people.post("publish").headers["HX-Redirect"]

    page = admin_client.get(back)
    said = page.content.decode()
    assert page.context["form"]["name"].value() == "Signs up, or not"
    assert page.context["form"]["horizon_days"].value() == "20"
    assert (
        "A customer who did “Signed Up” at least 1 time and not (did not do “Signed Up”)." in said
    )
    assert "did “Order Completed” for the last time in the last 60 days" in said
    assert [row["customers"] for row in page.context["windows"]] == ["3", "3"]
    admin_client.post(URL, filled(back) | {"make": "1"})
    target = Target.objects.get()
    absent = {"condition": "event.absent", "name": "Signed Up"}
    last = {"condition": "event.first_or_last", "name": "Order Completed"}
    assert target.outcome == {"version": 1, "rule": {"all": [SIGNED_UP, {"none": [absent]}]}}
    assert target.population_rule == {
        "version": 1,
        "rule": {"all": [last | {"which": "last", "days": 60}]},
    }
    assert (target.key, target.horizon_days) == ("propensity.signs_up_or_not", 20)
    assert not SegmentDraft.objects.exists(), "what was built is in the target"


def test_the_builder_counts_an_outcome_over_the_days_ahead(shop, admin_client):
    """Of three customers two signed up at all, and one of them in the last 20 days."""
    outcome = built(admin_client, "outcome", horizon_days="20")
    outcome.edit("add", condition="event.count")
    outcome.edit("leaf", "0", **{"f.name": "Signed Up", "f.at_least": "1"})
    assert "in the last 20 days; the target" in outcome.client.get(outcome.url("preview")).text
    assert "1 by itself" in outcome.client.get(outcome.url("counts")).text
    people = built(admin_client, "population")
    people.edit("json", json=SIGNS_UP)
    preview = people.client.get(people.url("preview"))
    assert preview.context["preview"].size == 2
    assert "2 by itself" in people.client.get(people.url("counts")).text


def test_a_rule_that_is_thrown_away_leaves_the_form_as_it_was(admin_client, db, nothing_seen):
    outcome = built(admin_client, "outcome", name="Signs up\0", times="3")
    people = built(admin_client, "population", outcome_draft=str(outcome.draft_id), times="4")

    back = people.client.post(people.url("discard")).url

    assert filled(back) == FORM | {
        "times": "4",
        "counts": "event",
        "population": "rule",
        "outcome_draft": str(outcome.draft_id),
    }
    begun = admin_client.get(URL).context["begun"]
    assert [filled(one["url"])["times"] for one in begun] == ["4"], "it can be gone on with"


def test_one_target_is_begun_once_though_it_has_two_rules(admin_client, db, nothing_seen):
    outcome = built(admin_client, "outcome")
    built(admin_client, "population", outcome_draft=str(outcome.draft_id))
    assert len(admin_client.get(URL).context["begun"]) == 1


def test_a_rule_that_is_not_finished_makes_no_target(admin_client, db, nothing_seen):
    outcome = built(admin_client, "outcome")
    sent = FORM | {"counts": "rule", "outcome_draft": str(outcome.draft_id)}

    answer = admin_client.post(URL, sent | {"make": "1"})

    assert answer.context["form"].errors == {
        "counts": ["Add a condition: an empty group selects nobody."]
    }
    assert not Target.objects.exists()


def test_a_rule_that_was_changed_in_another_tab_is_shown_before_it_is_made_a_target(
    shop, admin_client
):
    outcome = built(admin_client, "outcome")
    outcome.edit("json", json=SIGNS_UP)
    sent = FORM | {"counts": "rule", "outcome_draft": str(outcome.draft_id)}
    shown = {"outcome_revision": revision_shown(admin_client.post(URL, sent))}
    outcome.edit("json", json=SIGNS_UP.replace("Signed Up", "Order Completed"))

    answer = admin_client.post(URL, sent | shown | {"make": "1"})

    assert answer.context["form"].errors == {
        "counts": ["The rule was changed elsewhere; see what it says now."]
    }
    assert "“Order Completed” at least 1 time" in answer.content.decode()
    assert not Target.objects.exists()
    shown = {"outcome_revision": revision_shown(answer)}
    admin_client.post(URL, sent | shown | {"make": "1"})
    assert "Order Completed" in json.dumps(Target.objects.get().outcome)


def test_nobody_uses_or_sees_another_ones_rule(admin_client, client, db, nothing_seen):
    outcome = built(admin_client, "outcome")
    outcome.edit("json", json=SIGNS_UP)
    ben = User.objects.create_user("ben", is_staff=True)
    ben.user_permissions.add(Permission.objects.get(codename="add_target"))
    client.force_login(ben)
    sent = FORM | {"counts": "rule", "outcome_draft": str(outcome.draft_id)}

    answer = client.post(URL, sent | {"make": "1"})

    assert answer.context["form"].errors == {"counts": ["Build the rule first."]}
    assert "who did “Signed Up”" not in answer.content.decode()
    for name in ("", "preview", "counts", "suggest"):
        assert client.get(outcome.url(name)).status_code == 404
    assert client.post(outcome.url("discard")).status_code == 404
    assert client.get(URL).context["begun"] == []
    assert SegmentDraft.objects.count() == 1
    assert not Target.objects.exists()


def test_an_unknown_rule_is_not_begun(admin_client, db):
    assert admin_client.post(URL, FORM | {"build": "reward"}).status_code == 404
    assert not SegmentDraft.objects.exists()
