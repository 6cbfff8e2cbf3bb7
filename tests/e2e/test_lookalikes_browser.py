"""Finding lookalikes in a real browser: readable by everyone, and a segment made by keyboard."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from lifecycle_engine.scoring.lookalike_models import Lookalike
from lifecycle_engine.segments.models import Segment
from tests.e2e.browsing import CHROMIUM, serious
from tests.factories.scoring import lookalike_ready
from tests.factories.segments import NOW, SegmentFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: run make browser"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def segment(settings):
    settings.ENGINE_NOW = NOW
    return SegmentFactory(key="vip", name="VIPs", kind="static", rule={}, size=300, as_of=NOW)


def test_nothing_on_the_page_is_in_the_way(watched, segment):
    run = lookalike_ready(segment, suspects=["revenue_90d"], left_out=["orders_90d"])

    page = watched.visit(reverse("admin:scoring_lookalike_change", args=[run.pk]))

    assert serious(page) == []
    assert watched.wrong == []


@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_from_a_segment_to_a_segment_of_its_lookalikes(watched, segment):
    page = watched.visit(reverse("admin:segments_segment_change", args=[segment.pk]))
    page.get_by_role("button", name="Find lookalikes").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Waiting for a worker.")
    assert Lookalike.objects.get().state == "queued"

    run = lookalike_ready(segment)
    page = watched.visit(reverse("admin:scoring_lookalike_change", args=[run.pk]))
    page.get_by_role("link", name="Choose").first.press("Enter")
    expect(page.get_by_label("Size", exact=True)).to_have_value("20")
    page.get_by_label("Name").fill("Like VIPs")
    page.get_by_role("button", name="Make the segment").press("Enter")

    expect(page.get_by_role("heading", name="Like VIPs").first).to_be_visible()
    assert Segment.objects.get(name="Like VIPs").size == 20
    assert watched.wrong == []
