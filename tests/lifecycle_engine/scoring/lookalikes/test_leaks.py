"""What a segment's own rule gives away is not learned from."""

import pytest

from docs.reference_tables import EXAMPLES
from lifecycle_engine.scoring.lookalikes.leaks import (
    FAMILIES,
    FEATURES,
    condition_leaks,
    segment_leaks,
)
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.rules import rule_parse
from lifecycle_engine.warehouse.features import features_known
from tests.factories.segments import SegmentFactory, rule

pytestmark = pytest.mark.django_db


def _condition(key, **config):
    (leaf,) = rule_parse(rule({"condition": key, **config})).leaves
    return leaf.condition


def test_all_that_is_learned_from_is_in_the_library_and_in_one_family():
    assert set(FEATURES) <= {feature.name for feature in features_known()}
    assert len(FEATURES) == len(set(FEATURES)) > 30


@pytest.mark.parametrize("key", sorted(EXAMPLES))
def test_of_each_condition_of_the_engine_it_is_known_what_it_reads(key):
    assert condition_leaks(_condition(key, **EXAMPLES[key])).unknown == frozenset()


def test_no_condition_of_the_engine_is_missing_here():
    own = {c.key for c in conditions if c.__module__.startswith("lifecycle_engine.")}

    assert own == set(EXAMPLES)


@pytest.mark.parametrize(
    ("config", "families"),
    [
        ({"condition": "order.total", "at_least": 100}, {"money"}),
        ({"condition": "order.recency", "at_least_days": 30}, {"money", "orders", "timing"}),
        ({"condition": "stage.is", "one_of": ["loyal"]}, {"money", "orders", "timing"}),
        ({"condition": "category.bought", "department": "TEA", "at_least": 1}, {"baskets"}),
        (
            {"condition": "event.count", "name": "Order Completed", "at_least": 3},
            {"money", "orders", "timing"},
        ),
        (
            {"condition": "event.count", "name": "Product Viewed", "at_least": 3},
            {"offers", "contact"},
        ),
        (
            {
                "condition": "event.sequence",
                "name": "Product Added",
                "then": {"name": "Order Completed"},
                "within_hours": 24,
            },
            {"money", "orders", "timing"},
        ),
        ({"condition": "attribute", "field": "country", "operator": "is", "value": "DE"}, set()),
    ],
)
def test_features_made_of_what_the_rule_reads_are_left_out(config, families):
    leaks = segment_leaks(SegmentFactory.build(rule=rule(config)))

    assert leaks.families == families
    assert leaks.left_out == [
        n for family in FAMILIES for n in FAMILIES[family] if family in families
    ]
    assert sorted([*leaks.left_out, *leaks.kept]) == sorted(FEATURES)


def test_a_segment_that_reads_others_gives_away_what_they_read_even_in_a_circle():
    member = {"condition": "segment.member", "segment": "b"}
    first = SegmentFactory(key="a", rule=rule(member))
    SegmentFactory(
        key="b",
        rule=rule(
            {"condition": "order.total", "at_least": 100},
            {"condition": "segment.member", "segment": "a"},
        ),
    )

    assert segment_leaks(first).families == {"money"}


def test_what_a_model_made_is_said_and_a_list_gives_nothing_away():
    score = {
        "condition": "score.value",
        "scorer": "churn.risk",
        "operator": "at_least",
        "value": 0.5,
    }

    assert segment_leaks(SegmentFactory.build(rule=rule(score))).modelled == {"score.value"}
    assert segment_leaks(SegmentFactory.build(rule={})).left_out == []


def test_a_plugin_s_condition_and_an_unreadable_rule_are_not_known():
    with conditions.temporarily():

        @conditions.register
        class Lucky(conditions.get("random.bucket")):
            """Holds for the lucky."""

            key = "test.lucky"

        config = {"condition": "test.lucky", "salt": "a", "below_percent": 50}
        assert segment_leaks(SegmentFactory.build(rule=rule(config))).unknown == {"test.lucky"}
    broken = SegmentFactory.build(key="broken", rule=rule({"condition": "gone"}))
    assert segment_leaks(broken).unknown == {"broken"}
