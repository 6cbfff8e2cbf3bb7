"""Customers whose outcome changes only because time passes are found by every condition."""

from datetime import timedelta

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.tables import Moment
from lifecycle_engine.segments.rules import rule_expiring, rule_parse, rule_select
from tests.factories.segments import MemoryTables, ago, customer_row, event_row, rule
from tests.lifecycle_engine.segments.rules.trying import (
    EXAMPLES,
    LARGE,
    leaves_somewhere,
    members_by_leaf,
    rules_somewhere,
    tables_in,
)
from tests.lifecycle_engine.segments.rules.worlds import MOMENTS

# The random data has rows on both sides of windows that end at both moments.
_PASSED = st.sampled_from(
    [
        *(timedelta(days=days) for days in (0.9, 1, 1.5, 29, 31, 365, 400)),
        timedelta(microseconds=1),
        timedelta(hours=2),
    ]
)


def _ids(table):
    return set(table["customer_id"].to_pylist())


@settings(LARGE, max_examples=EXAMPLES // 10)
@given(drawn=leaves_somewhere(), passed=_PASSED)
def test_who_changes_because_time_passes_is_found(engine, drawn, passed):
    seed, leaves = drawn
    later, since = tables_in(engine, seed), MOMENTS[seed % len(MOMENTS)] - passed
    before, after = (members_by_leaf(leaves, at) for at in (later.at(since), later))

    found = _found_by_leaf(leaves, later, since)

    for leaf, then, now, ids in zip(leaves, before, after, found, strict=True):
        assert (seed, leaf, (set(then) ^ set(now)) - ids) == (seed, leaf, set())


def _found_by_leaf(leaves, tables, since):
    parsed = rule_parse(rule(*leaves))
    asked = [leaf.condition.expiring(tables, Moment(since)) for leaf in parsed.leaves]
    marked = [
        table.select("customer_id", leaf=ibis.literal(i, type="int64"))
        for i, table in enumerate(asked)
        if table is not None
    ]
    rows = tables.execute(ibis.union(*marked)).to_pylist()
    return [{row["customer_id"] for row in rows if row["leaf"] == i} for i in range(len(leaves))]


@settings(LARGE, max_examples=EXAMPLES // 20)
@given(drawn=rules_somewhere(), passed=_PASSED)
def test_groups_find_them_too(engine, drawn, passed):
    seed, roots = drawn
    later, since = tables_in(engine, seed), MOMENTS[seed % len(MOMENTS)] - passed
    for root in roots:
        parsed = rule_parse({"version": 1, "rule": root})
        changed = _ids(rule_select(parsed, later.at(since))) ^ _ids(rule_select(parsed, later))

        assert changed <= _ids(rule_expiring(parsed, later, since=since))


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
