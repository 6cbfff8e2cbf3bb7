"""A customer's events as staff read them."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.rows import EngineEvent
from lifecycle_engine.events.services import events_ingest, events_record
from lifecycle_engine.scoring.models import ModelVersion, Score, ScoreHistory
from lifecycle_engine.segments.models import StageTransition
from tests.factories.campaigns import NOW
from tests.factories.events import ProductFactory, track

pytestmark = pytest.mark.django_db

ATTACK = "<script>alert('1')</script>"


@pytest.fixture(autouse=True)
def _now(settings):
    settings.ENGINE_NOW = NOW
    cache.clear()


@pytest.fixture
def page(admin_client):
    """The customer's page, with what the address asks for."""

    def opened(**query):
        url = reverse("admin:customers_customer_change", args=[Customer.objects.get().pk])
        return admin_client.get(url, query)

    return opened


def stored(*items):
    timed = {"timestamp": (NOW - timedelta(hours=1)).isoformat()}
    result = events_ingest(source="shop", items=[timed | item for item in items], received_at=NOW)
    assert result.rejected == []


def names(page):
    return [row["event"].name for row in page.context["events"]]


def test_an_order_is_shown_with_its_lines(page):
    ProductFactory(sku="milk", name="Fresh milk")
    lines = [{"product_id": "milk", "quantity": 2, "price": 1.25, "value": 2.5}]
    lines += [{"sku": f"other-{number}", "quantity": 1} for number in range(21)]
    stored(track("o", event="Order Completed", properties={
        "order_id": "A-7", "total": 1234.5, "currency": "EUR", "products": lines,
    }))  # fmt: skip

    shown = page().text

    assert "1,234.50 EUR" in shown
    assert "Fresh milk <code>milk</code>" in shown
    assert '<td class="le-number">2</td><td class="le-number">1.25</td>' in shown
    assert "and 2 more lines" in shown
    assert "<dt>order_id</dt><dd>A-7</dd>" in shown
    assert "UTC</time>" in shown


def test_what_is_no_list_of_lines_breaks_nothing(page):
    strange = ["x", [1], {"products": 3}, {"products": ["milk", None, {"sku": {"a": ATTACK}}]}]
    for number, products in enumerate(strange):
        stored(track(f"s{number}", event="Order Completed", properties={
            "products": products, ATTACK: {"deep": [ATTACK]}, "nothing": None,
        }))  # fmt: skip

    shown = page()

    assert shown.status_code == 200
    assert len(names(shown)) == 4
    assert ATTACK not in shown.text


def test_other_events_say_the_first_few_things(page):
    stored(track("v", event="Video Watched", properties={f"k{n}": n for n in range(11)}))

    shown = page().text

    assert "<dt>k7</dt><dd>7</dd>" in shown
    assert "<dt>k8</dt>" not in shown
    assert "3 more" in shown


def test_the_engine_s_own_events_lead_to_their_records(page):
    stored(track("v"))
    customer = Customer.objects.get()
    events_record(rows=[
        EngineEvent(customer_id=customer.pk, name="Coupon Issued", message_id="c", occurred_at=NOW,
                    properties={"coupon_id": 7}),
    ])  # fmt: skip

    shown = page()

    assert names(shown) == ["Coupon Issued", "Product Viewed"]
    assert reverse("admin:rewards_coupon_change", args=[7]) in shown.text


def test_events_are_found_by_name_and_day(page):
    for day in range(40):
        stored(track(
            f"d{day}", event=f"Kind {day % 2}",
            timestamp=(NOW - timedelta(days=day, hours=1)).isoformat(),
        ))  # fmt: skip
    last = (NOW - timedelta(days=3)).date().isoformat()

    assert names(page(event="Kind 1")) == ["Kind 1"] * 20
    assert len(names(page(since=last))) == 3
    assert len(names(page(since=last, until=last))) == 1
    assert len(names(page(until=last))) == 25
    assert "Nothing of that kind happened" in page(event="Kind 3").text
    assert names(page(since="some day")) == names(page())


def test_the_next_page_keeps_what_was_asked_for(page):
    for number in range(30):
        stored(track(f"n{number}", event="Kind A"), track(f"m{number}", event="Kind B"))

    first = page(event="Kind A")
    second = page(event="Kind A", before=first.context["events_next"])

    assert (len(names(first)), len(names(second))) == (25, 5)
    assert "?event=Kind+A&amp;before=" in first.text
    assert second.context["events_first"] is False


def test_nobody_s_history_is_said_to_be_empty(page):
    Customer.objects.create(external_id="new")

    shown = page().text

    assert "No events up to now." in shown
    assert "No change of stage yet." in shown
    assert "Not scored yet." in shown


def test_scores_and_stages_show_how_they_came_about(page):
    customer = Customer.objects.create(external_id="c")
    version = ModelVersion.objects.create(
        scorer_key="churn.risk", number=1, as_of=NOW, train_seconds=1, rows=1, algorithm="a",
        artefact="a", sha256="0", plugin_version="1",
    )  # fmt: skip
    said = {"customer": customer, "scorer_key": "churn.risk", "model_version": version}
    Score.objects.create(**said, value=0.75, percentile=90, as_of=NOW)
    ScoreHistory.objects.create(**said, value=0.75, percentile=90, as_of=NOW)
    ScoreHistory.objects.create(**said, value=0.125, percentile=12, as_of=NOW - timedelta(days=9))
    StageTransition.objects.create(customer=customer, to_stage="new", at=NOW - timedelta(days=9))
    StageTransition.objects.create(
        customer=customer, from_stage="new", to_stage="active", at=NOW - timedelta(days=1)
    )

    shown = page()

    (row,) = shown.context["scores"]
    assert [entry.value for entry in row["path"]] == [0.125, 0.75]
    assert "percentile 12" in shown.text
    assert [change.to_stage for change in shown.context["stages"]] == ["active", "new"]
