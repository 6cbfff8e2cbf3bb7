"""The pages of a search for lookalikes."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from lifecycle_engine.core.models import JobRun
from lifecycle_engine.scoring.lookalike_models import Lookalike
from lifecycle_engine.segments.models import Segment
from tests.factories.scoring import lookalike_ready
from tests.factories.segments import NOW, SegmentFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def clock(settings):
    settings.ENGINE_NOW = NOW


@pytest.fixture
def segment():
    return SegmentFactory(key="vip", name="VIPs", kind="static", rule={}, size=300, as_of=NOW)


def page_of(run):
    return reverse("admin:scoring_lookalike_change", args=[run.pk])


def start_of(segment):
    return reverse("admin:segments_segment_lookalikes", args=[segment.pk])


def made(run):
    return reverse("admin:scoring_lookalike_segment", args=[run.pk])


def test_before_the_first_search_it_is_said_what_to_do(admin_client):
    page = admin_client.get(reverse("admin:scoring_lookalike_changelist")).text

    assert "No search yet" in page
    assert "Open a segment of at least 100 members." in page


def test_a_search_is_begun_from_the_segment_and_listed_there(admin_client, segment):
    own = reverse("admin:segments_segment_change", args=[segment.pk])
    assert "Find lookalikes" in admin_client.get(own).text

    begun = admin_client.post(start_of(segment))
    admin_client.post(start_of(segment))

    run = Lookalike.objects.get()
    assert begun.url == page_of(run)
    assert (run.state, run.requested_by, run.as_of) == ("queued", "admin", NOW)
    assert page_of(run) in admin_client.get(own).text


def test_an_archived_segment_is_not_searched_from(admin_client, segment):
    Segment.objects.update(state="archived")
    own = reverse("admin:segments_segment_change", args=[segment.pk])

    answer = admin_client.post(start_of(segment), follow=True)

    assert "is archived" in answer.text
    assert "Find lookalikes" not in admin_client.get(own).text
    assert not Lookalike.objects.exists()


def test_it_is_shown_how_far_the_search_is(admin_client, segment):
    run = Lookalike.objects.create(segment=segment, as_of=NOW)
    assert "Waiting for a worker." in admin_client.get(page_of(run)).text
    Lookalike.objects.update(state="running", started_at=NOW)
    JobRun.objects.create(name="scoring.lookalike", subject=str(run.pk), done=2, total=5)
    progress = reverse("admin:scoring_lookalike_progress", args=[run.pk])

    under_way = admin_client.get(progress)
    Lookalike.objects.update(state="failed", error="odd", finished_at=NOW)
    over = admin_client.get(progress)

    assert "2 of 5 models have learned." in under_way.text
    assert 'hx-trigger="every 2s"' in under_way.text
    assert "HX-Refresh" not in under_way.headers
    assert over.headers["HX-Refresh"] == "true"
    assert "odd" in admin_client.get(page_of(run)).text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("seeds_few", "99 members can be learned from; it takes 100."),
        ("others_few", "7 customers are outside the segment; it takes 100."),
        ("not_computed", "Wait until the segment has members"),
        ("features_none", "Put the members on a list"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(admin_client, segment, reason, words):
    run = Lookalike.objects.create(
        segment=segment,
        as_of=NOW,
        state="refused",
        reason=reason,
        seeds=99,
        others=7,
        finished_at=NOW,
    )

    page = admin_client.get(page_of(run)).text

    assert words in page
    assert "Search again" in page
    assert "Make the segment" not in page


def test_a_ready_search_shows_the_curve_and_the_cut(admin_client, segment):
    run = lookalike_ready(segment)

    page = admin_client.get(page_of(run)).text
    other = admin_client.get(page_of(run), {"size": "100"}).text

    assert "Audience size against precision" in page
    offered = run.result["offered"]
    assert f'name="size" min="1" max="3700" value="{offered}"' in page
    assert "suggested" in page
    assert "A random choice: 7.5 %" in page
    assert "products_90d" in page
    assert "more in 81 of 100" in page
    assert "less in 70 of 100" in page
    assert 'value="100"' in other
    assert "Nothing: the rule reads none of the features." in page


@pytest.mark.parametrize(
    ("asked", "taken"), [("0", None), ("x", None), ("-5", None), ("99999", 3700)]
)
def test_an_odd_size_in_the_address_does_no_harm(admin_client, segment, asked, taken):
    run = lookalike_ready(segment)

    page = admin_client.get(page_of(run), {"size": asked}).text

    assert f'max="3700" value="{taken or run.result["offered"]}"' in page


def test_what_the_rule_gives_away_is_said(admin_client, segment):
    run = lookalike_ready(
        segment,
        modelled=["score.value"],
        unknown=["test.lucky"],
        suspects=["revenue_90d"],
        left_out=["orders_90d"],
    )

    page = admin_client.get(page_of(run)).text

    for word in ("score.value", "test.lucky", "revenue_90d", "orders_90d"):
        assert f">{word}</code>" in page
    assert "These alone nearly tell who is a member" in page


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("better", "the model puts the member first"),
        ("simple", "prefer a simple rule"),
        ("chance", "No segment can be made of a ranking that is no better than chance."),
    ],
)
def test_the_verdict_is_told_in_words(admin_client, segment, verdict, words):
    page = admin_client.get(page_of(lookalike_ready(segment, verdict=verdict))).text

    assert words in page
    assert ("Make the segment" in page) == (verdict != "chance")


def test_a_segment_is_made_and_its_size_changed(admin_client, segment):
    run = lookalike_ready(segment)

    answer = admin_client.post(made(run), {"size": "20", "name": "Like VIPs"})
    admin_client.post(made(run), {"size": "10", "name": ""})

    found = Segment.objects.exclude(pk=segment.pk).get()
    assert answer.url == reverse("admin:segments_segment_change", args=[found.pk])
    assert (found.name, found.size, found.created_by) == ("Like VIPs", 10, "admin")
    page = admin_client.get(page_of(run)).text
    assert "was made of the first 10" in page
    assert "Change the segment" in page


@pytest.mark.parametrize("size", ["", "0", "x", "5000"])
def test_a_wrong_size_is_refused(admin_client, segment, size):
    run = lookalike_ready(segment)

    page = admin_client.post(made(run), {"size": size, "name": "A"}, follow=True).text

    assert "has to be between 1 and 3700; it is" in page
    assert Segment.objects.get() == segment


def test_who_may_only_look_can_neither_search_nor_make(client, segment):
    run = lookalike_ready(segment)
    viewer = User.objects.create(username="viewer", is_staff=True)
    names = ["view_lookalike", "view_segment"]
    viewer.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(viewer)

    assert "Make the segment" not in client.get(page_of(run)).text
    assert client.post(start_of(segment)).status_code == 403
    assert client.post(made(run), {"size": "5"}).status_code == 403
    viewer.user_permissions.clear()
    assert client.get(page_of(run)).status_code == 403
    progress = reverse("admin:scoring_lookalike_progress", args=[run.pk])
    assert client.get(progress).status_code == 403
    assert Segment.objects.get() == segment


def test_the_page_speaks_chinese(admin_client, segment):
    run = lookalike_ready(segment)

    page = admin_client.get(page_of(run), headers={"accept-language": "zh-hans"}).text

    assert "优于简单排名" in page
    assert "Make the segment" not in page
