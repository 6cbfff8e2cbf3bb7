"""One semantics: the engines and a reference in plain Python select the same customers."""

import pytest
from hypothesis import given, settings

from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.rules import rule_parse, rule_select
from tests.lifecycle_engine.segments.rules.engines import ENGINES
from tests.lifecycle_engine.segments.rules.reference import LEAVES, selected
from tests.lifecycle_engine.segments.rules.trying import (
    EXAMPLES,
    LARGE,
    leaves_somewhere,
    members_by_leaf,
    rules_somewhere,
    tables_in,
    world_of,
)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request, tmp_path_factory):
    """Each of the engines in turn."""
    with ENGINES[request.param](tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


@settings(LARGE, max_examples=EXAMPLES // 6)
@given(drawn=leaves_somewhere())
def test_every_condition_holds_where_the_reference_says_so(engine, drawn):
    seed, leaves = drawn

    found = members_by_leaf(leaves, tables_in(engine, seed))

    for leaf, members in zip(leaves, found, strict=True):
        wanted = selected({"version": 1, "rule": leaf}, world_of(seed))
        assert (seed, leaf, members) == (seed, leaf, wanted)


@settings(LARGE, max_examples=EXAMPLES // 4)
@given(drawn=rules_somewhere())
def test_rules_select_the_same_as_the_reference(engine, drawn):
    seed, roots = drawn
    tables = tables_in(engine, seed)

    for root in roots:
        document = {"version": 1, "rule": root}
        parsed, members = rule_parse(document), selected(document, world_of(seed))

        assert _ids(rule_select(parsed, tables)) == members
        assert _ids(rule_select(parsed, tables.of(range(9)))) == [
            customer_id for customer_id in members if customer_id < 9
        ]


def test_the_reference_knows_every_condition():
    assert set(LEAVES) == set(conditions.keys())


def _ids(selection):
    return sorted(selection.column("customer_id").to_pylist())
