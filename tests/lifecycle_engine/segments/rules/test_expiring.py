"""Customers whose outcome changes only because time passes are found by every condition."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.segments.rules import rule_expiring, rule_parse, rule_select
from tests.factories.segments import NOW, MemoryTables, ago, customer_row, event_row, rule
from tests.lifecycle_engine.segments.rules.test_compiler import KINDS, LARGE, NODES, WORLDS

# Edges of the windows in the random data lie on both sides of these, and on them.
_PASSED = st.sampled_from([0.000001, 0.00001, 0.9, 1, 1.5, 29, 31, 400]).map(
    lambda days: timedelta(days=days)
)


def _members(document, tables):
    return set(rule_select(rule_parse(document), tables)["customer_id"].to_pylist())


@settings(LARGE, max_examples=10)
@given(world=WORLDS, leaves=st.tuples(*KINDS), passed=_PASSED)
def test_who_changes_because_time_passes_is_found(engine, world, leaves, passed):
    later = MemoryTables(engine, **world)
    earlier = later.at(NOW - passed)

    for leaf in leaves:
        document = rule(leaf)
        changed = _members(document, earlier) ^ _members(document, later)

        found = rule_expiring(rule_parse(document), later, since=NOW - passed)

        assert (leaf, changed - set(found["customer_id"].to_pylist())) == (leaf, set())


@settings(LARGE, max_examples=8)
@given(world=WORLDS, node=NODES, passed=_PASSED)
def test_groups_find_them_too(engine, world, node, passed):
    document = {"version": 1, "rule": node}
    later = MemoryTables(engine, **world)
    changed = _members(document, later.at(NOW - passed)) ^ _members(document, later)

    found = rule_expiring(rule_parse(document), later, since=NOW - passed)

    assert changed <= set(found["customer_id"].to_pylist())


_ABSENT = {"condition": "event.absent", "name": "Product Viewed", "days": 30}
_COUNTRY = {"condition": "attribute", "field": "country", "operator": "is", "value": "DE"}


def _tables(engine):
    return MemoryTables(
        engine,
        customers=[customer_row(1), customer_row(2), customer_row(3)],
        events=[
            event_row(1, "Product Viewed", 30.4),
            event_row(1, "Product Viewed", 30.3),
            event_row(2, "Product Viewed", 12),
            event_row(3, "Signed Up", 30.4),
        ],
    )


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (rule(_ABSENT), [1]),
        (rule(_COUNTRY, {"none": [_ABSENT]}), [1]),
        (rule(_COUNTRY), []),
        (rule(_ABSENT, {"any": []}), []),
        ({"version": 1, "rule": {}}, []),
    ],
)
def test_only_those_whose_events_left_a_window_are_looked_at(engine, document, found):
    expiring = rule_expiring(rule_parse(document), _tables(engine), since=ago(1))

    assert expiring["customer_id"].to_pylist() == found


def test_a_condition_that_says_nothing_of_time_is_asked_about_everybody(engine):
    class Odd(Condition):
        key = "dummy.odd"
        label = "Odd"

    with conditions.temporarily(Odd):
        parsed = rule_parse(rule({"condition": "dummy.odd"}))
        found = rule_expiring(parsed, _tables(engine), since=ago(1))

    assert sorted(found["customer_id"].to_pylist()) == [1, 2, 3]
