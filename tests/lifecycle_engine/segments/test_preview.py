"""Previews of unsaved rules: the same answer as the segment's own, from a session kept open."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments import preview
from lifecycle_engine.segments.preview_seen import (
    column_values_seen,
    event_properties_seen,
    events_seen,
    property_values_seen,
)
from lifecycle_engine.segments.preview_sessions import AGE_MAX, preview_sessions
from lifecycle_engine.segments.rules import RuleError
from lifecycle_engine.segments.selectors import segment_member_ids
from lifecycle_engine.segments.services import segment_refresh, segment_save
from lifecycle_engine.warehouse import mirror
from tests.factories.customers import CustomerFactory
from tests.factories.mirror import orders_in_the_log
from tests.factories.segments import NOW, MembershipFactory, SegmentFactory, country_rule, rule

pytestmark = pytest.mark.django_db(transaction=True)

BUYERS = rule({"condition": "event.count", "name": "Order Completed", "at_least": 1, "days": 30})


@pytest.fixture(autouse=True)
def _warehouse(settings, tmp_path):
    settings.WAREHOUSE_URL = f"duckdb://{tmp_path}"
    settings.ENGINE_NOW = NOW
    yield
    preview_sessions.close()


def customers(**countries):
    for country, count in countries.items():
        CustomerFactory.create_batch(count, country=country)


def test_a_preview_is_what_the_segment_will_be():
    orders_in_the_log(40)
    mirror.mirror_run()

    seen = preview.rule_preview(document=BUYERS, at=NOW)
    saved = segment_save(key="buyers", name="Buyers", rule=BUYERS)
    segment_refresh(segment_id=saved.pk, at=NOW, cause="definition")

    members = segment_member_ids(segment_id=saved.pk)
    assert (seen.size, seen.total) == (len(members), Customer.objects.count()) == (7, 7)
    assert sorted(seen.sample) == members.tolist()
    assert list(preview.audience_ids(document=BUYERS, at=NOW)) == members.tolist()
    assert seen.finished
    assert "at least 1 time in the last 30 days" in seen.sentence


def test_a_preview_of_some_days_counts_what_happened_in_them():
    orders_in_the_log(40)
    mirror.mirror_run()
    ever = rule({"condition": "event.count", "name": "Order Completed", "at_least": 1})

    for days in (1, 10, 30):
        limited = rule(ever["rule"]["all"][0] | {"days": days})
        among = {"document": ever, "at": NOW, "days": days}
        expected = preview.audience_ids(document=limited, at=NOW)
        assert preview.rule_preview(**among).size == len(expected)
        (size,) = preview.rules_sizes(documents=[ever], at=NOW, days=days)
        assert size == len(expected)
    assert preview.rule_preview(document=ever, at=NOW).size == 7, "and all days are all days"


def test_an_unfinished_rule_selects_nobody():
    customers(DE=3)

    seen = preview.rule_preview(document=rule({"none": []}), at=NOW)

    assert (seen.size, seen.total, seen.sample, seen.finished) == (0, 3, [], False)


def test_the_session_is_opened_once_and_anew_when_it_is_old(monkeypatch):
    opened = []
    opening = preview_sessions._open
    monkeypatch.setattr(preview_sessions, "_open", lambda at: (opened.append(at), opening(at)))
    customers(DE=2)

    for days in range(3):
        at = NOW + timedelta(seconds=days)
        assert preview.rule_preview(document=country_rule("DE"), at=at).as_of == NOW
    customers(DE=1)
    assert preview.rule_preview(document=country_rule("DE"), at=NOW).size == 2

    later = NOW + AGE_MAX
    assert preview.rule_preview(document=country_rule("DE"), at=later).size == 3
    assert opened == [NOW, later]


def test_samples_are_spread_and_the_same_each_time():
    customers(DE=100)

    first = preview.rule_preview(document=country_rule("DE"), at=NOW).sample
    preview_sessions.close()
    second = preview.rule_preview(document=country_rule("DE"), at=NOW).sample

    assert first == second
    assert len(set(first)) == 10
    assert max(first) - min(first) == 99


def test_each_part_has_a_size_of_its_own():
    customers(DE=3, AT=2)

    sizes = preview.rules_sizes(
        documents=[country_rule("DE"), country_rule("AT"), country_rule("CH")], at=NOW
    )

    assert sizes == [3, 2, 0]


def test_overlaps_are_counted_and_the_own_segment_left_out():
    customers(DE=4, AT=2)
    own, other, apart = (SegmentFactory(key=key) for key in ("own", "other", "apart"))
    germans = list(Customer.objects.filter(country="DE"))
    austrian = Customer.objects.filter(country="AT").first()
    for segment, members in ((own, germans), (other, [*germans[:2], austrian]), (apart, [])):
        for customer in members:
            MembershipFactory(segment=segment, customer=customer)

    (found,) = preview.overlaps(document=country_rule("DE"), at=NOW, but="own")

    assert (found.segment, found.size, found.both) == ("other", 3, 2)
    assert found.jaccard == pytest.approx(2 / 5)


def test_what_was_seen_is_counted():
    orders_in_the_log(14)
    customers(DE=2, AT=1)
    mirror.mirror_run()
    at = NOW + timedelta(minutes=1)

    assert events_seen(at=at) == {"Order Completed": 14}
    seen = event_properties_seen(event="Order Completed", at=at)
    assert (seen["total"], seen["order_id"]) == (14, 14)
    values = property_values_seen(event="Order Completed", name="total", at=at)
    assert values == {"3.5": 14}
    assert column_values_seen(column="country", at=at) == {"DE": 2, "AT": 1}
    assert event_properties_seen(event="Nothing", at=at) == {}


def test_a_rule_that_can_not_be_used_is_refused():
    with pytest.raises(RuleError):
        preview.rule_preview(document=rule({"condition": "gone.thing"}), at=NOW)


def _client(*scopes, name="shop", **options):
    _record, key = api_key_create(name=name, scopes=scopes, **options)
    return APIClient(headers={"Authorization": f"Bearer {key}"})


def _post(client, document):
    return client.post("/api/v1/segment-previews/", {"rule": document}, format="json")


def test_the_api_previews_and_saves_nothing():
    customers(DE=1, AT=2)
    client = _client(Scope.SEGMENTS_PREVIEW)

    answer = _post(client, country_rule("DE"))

    german = Customer.objects.get(country="DE")
    assert answer.status_code == 200
    assert answer.json() == {
        "as_of": "2017-12-01T00:00:00Z",
        "size": 1,
        "total": 3,
        "finished": True,
        "sentence": "A customer who has a profile where country is DE.",
        "sample": [{"id": german.pk, "customer": german.external_id}],
    }


def test_the_api_names_what_is_wrong_with_a_rule():
    answer = _post(_client(Scope.SEGMENTS_PREVIEW), rule({"condition": "gone.thing"}))

    assert answer.status_code == 400
    assert "rule.all[0].condition" in str(answer.json())


def test_the_api_wants_the_scope_and_no_partner_s_key():
    assert _post(_client(Scope.SEGMENTS_READ), country_rule("DE")).status_code == 403
    partner = _client(Scope.SEGMENTS_PREVIEW, name="ads", partner="ads")
    assert _post(partner, country_rule("DE")).status_code == 403
