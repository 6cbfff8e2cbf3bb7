"""What helps while a rule is built: suggestions, words for what is wrong, exact reach."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.translation import override

from lifecycle_engine.console.segment_builder import reach
from lifecycle_engine.console.segment_builder.suggestions import Asked, source_of, suggestions
from lifecycle_engine.customers.models import Attribute
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.messaging.suppressions import suppression_add
from lifecycle_engine.scoring.classes import ModelClass
from lifecycle_engine.segments.drafts_check import config_problems
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.preview_sessions import preview_sessions
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.customers import ConsentFactory
from tests.factories.rewards import OfferFactory
from tests.factories.scoring import ModelVersionFactory
from tests.factories.segments import NOW, SegmentFactory, rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]


@pytest.mark.parametrize(
    ("condition", "field", "term", "value", "note"),
    [
        ("coupon.has", "offer", "spring", "spring-10", "Ten in spring"),
        ("consent.granted", "channel", "e-m", "email", "E-mail"),
        ("consent.granted", "purpose", "mark", "marketing", "Marketing"),
        ("location.near", "latitude_attribute", "lat", "latitude", ""),
        ("event.count", "time_zone", "berl", "Europe/Berlin", ""),
    ],
)
def test_what_a_field_refers_to_is_completed(condition, field, term, value, note):
    OfferFactory(key="spring-10", name="Ten in spring")
    OfferFactory(key="other", name="Other")
    Attribute.objects.create(name="latitude", kind="number", first_seen_at=NOW, last_seen_at=NOW)
    asked = Asked(term=term, node={"condition": condition}, place=(field,), at=NOW)

    found = suggestions(source_of(condition, (field,)), asked)

    assert [(one.value, one.note) for one in found] == [(value, note)]


@pytest.mark.parametrize("term", ["2", "away"])
def test_a_class_is_found_by_its_number_and_by_its_name(term):
    named = ((1, "frequent"), (2, "long away"))
    ModelVersionFactory(
        scorer_key="persona.behaviour",
        classes=[ModelClass(number, (word,)).as_json() for number, word in named],
    )
    node = {"condition": "score.class", "scorer": "persona.behaviour"}
    asked = Asked(term=term, node=node, place=("classes",), at=NOW)

    with override("en"):
        found = suggestions(source_of("score.class", ("classes",)), asked)

    assert [(one.value, one.note) for one in found] == [("2", "Long away")]


@pytest.mark.parametrize(
    ("condition", "config", "english", "chinese"),
    [
        (
            "event.count",
            {"name": "X", "days": 5, "skip_days": 9, "at_least": 1},
            "The days that are left out are not fewer than all days.",
            "排除的天数必须少于总天数。",
        ),
        ("event.count", {"name": "X"}, "The least or the most is needed.", "需要填写下限或上限。"),
        (
            "attribute",
            {"field": "nickname", "operator": "is", "value": "x"},
            "Customers have no such field; choose one of the list.",
            "客户没有这个字段；请从列表中选择。",
        ),
        (
            "random.bucket",
            {"salt": "s", "from_percent": 50, "below_percent": 20},
            "The slice ends before it begins.",
            "区间的终点在起点之前。",
        ),
    ],
)
def test_what_is_wrong_is_said_to_staff_in_their_language(condition, config, english, chinese):
    for language, words in (("en", english), ("zh-hans", chinese)):
        with override(language):
            said = [message for _place, message, _missing in config_problems(condition, config)]
        assert said == [words]


def test_a_segment_that_isn_t_there_is_said_in_the_reader_s_language(admin_client):
    SegmentFactory(key="s", rule=rule({"condition": "segment.member", "segment": "gone"}))
    url = reverse("admin:segments_segment_edit", args=[Segment.objects.get().pk])

    with override("zh-hans"):
        page = admin_client.post(url, follow=True, headers={"accept-language": "zh-hans"}).text

    assert "没有使用此键的启用分群" in page


@pytest.mark.django_db(transaction=True)
def test_an_estimated_reach_is_counted_exactly_on_demand(builder, audience, monkeypatch):
    monkeypatch.setattr(reach, "SAMPLE", 1)
    monkeypatch.setattr(reach, "_AT_ONCE", 1)
    ConsentFactory(customer=audience[2], channel="email", purpose="marketing", granted=True)
    suppression_add(channel="email", address=audience[2].email, reason="bounced", source="test")

    shown = builder.client.get(builder.url("counts")).text
    exact = builder.client.get(builder.url("reach")).text

    assert "≈" in shown
    assert builder.url("reach") in shown
    assert "<strong>1</strong>" in exact
    assert "suppressed 1" in exact
    assert "≈" not in exact
    assert builder.url("reach") not in exact


@pytest.mark.django_db(transaction=True)
def test_of_a_sequence_it_is_told_how_many_did_the_first(builder, audience):
    happened = [("Product Added", 0), ("Product Added", 1), ("Order Completed", 1)]
    items = [
        {
            "type": "track",
            "event": event,
            "userId": audience[number].external_id,
            "messageId": str(place),
            "timestamp": (NOW - timedelta(hours=9 - place)).isoformat(),
            "properties": {"order_id": "1", "total": 5, "products": []},
        }
        for place, (event, number) in enumerate(happened)
    ]
    assert events_ingest(source="shop", items=items, received_at=NOW).accepted == 3
    mirror_run()
    preview_sessions.close()
    node = {"condition": "event.sequence", "name": "Product Added", "days": 30}
    node |= {"then": {"name": "Order Completed"}, "within_hours": 24}
    builder.edit("json", json=json.dumps(rule(node)))

    counts = builder.client.get(builder.url("counts")).text

    assert "1 by itself of 2 who did the first" in counts
