"""The JSON schema and the parser agree on what is a rule."""

import copy
import random

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecycle_engine.segments.rules import RuleError, rule_parse, rule_schema
from tests.factories.segments import rule
from tests.lifecycle_engine.segments.rules.leaves import nodes
from tests.lifecycle_engine.segments.rules.trying import LARGE
from tests.lifecycle_engine.segments.rules.worlds import MOMENTS

#: What a schema can't say: how two numbers compare, and names that only we know.
_BEYOND = (
    "is more than",
    "is not less than",
    "is not below",
    "is after",
    "is deeper than",
    "no time zone",
    "no scorer",
    "no such day",
    "ISO 8601",
)
_STRANGE = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        3,
        10**9,
        2.5,
        "",
        "x",
        "2017-02-30",
        "2017-01-31",
        "DE",
        [],
        ["a"],
        {},
        [[]],
    ]
)
_NODES = st.sampled_from(MOMENTS).flatmap(nodes)
_STRANGES = st.lists(_STRANGE, min_size=10, max_size=10)


@pytest.fixture(scope="module")
def validator():
    """The schema, ready to be asked."""
    schema = rule_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def _objects(node):
    """Every object in a document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


def _spoilt(document, rng, strange):
    """The document with a field changed, left out, added or put in from another condition."""
    spoilt = copy.deepcopy(document)
    chosen = rng.choice(list(_objects(spoilt)))
    names = [*chosen, "days", "at_least", "value", "operator", "first_day", "where", "sku", "all"]
    name = rng.choice(names)
    if name in chosen and rng.random() < 0.3:
        del chosen[name]
    else:
        chosen[name] = strange
    return spoilt


def _refusal(document):
    try:
        rule_parse(document)
    except RuleError as error:
        return error
    return None


def _agree(validator, document):
    refusal = _refusal(document)
    if refusal is not None and any(words in refusal.reason for words in _BEYOND):
        return
    assert (document, validator.is_valid(document)) == (document, refusal is None), refusal


@settings(LARGE, max_examples=40, suppress_health_check=list(HealthCheck))
@given(node=_NODES, seed=st.integers(0, 2**32), stranges=_STRANGES)
def test_schema_and_parser_take_and_refuse_the_same(validator, node, seed, stranges):
    rng, document = random.Random(seed), {"version": 1, "rule": node}

    _agree(validator, document)
    for strange in stranges:
        _agree(validator, _spoilt(document, rng, strange))


@pytest.mark.parametrize(
    ("leaf", "holds"),
    [
        ({"condition": "event.count", "name": "X", "at_least": 1}, True),
        ({"condition": "event.count", "name": "X"}, False),
        ({"condition": "event.count", "name": "X", "at_least": None, "at_most": None}, False),
        ({"condition": "event.absent", "name": "X", "days": 1, "first_day": "2017-01-01"}, False),
        ({"condition": "event.absent", "name": "X", "time_zone": "Europe/Berlin"}, False),
        ({"condition": "category.bought", "sku": "a", "brand": "b"}, False),
        ({"condition": "category.bought", "sku": "a", "brand": None}, True),
        ({"condition": "attribute", "field": "email", "operator": "contains", "value": "a"}, False),
        ({"condition": "attribute", "field": "country", "operator": "one_of", "value": [1]}, False),
        ({"condition": "date.near", "field": "created_at", "yearly": True, "to_days": 3}, False),
    ],
)
def test_what_fields_demand_of_each_other_is_in_the_schema(validator, leaf, holds):
    assert validator.is_valid(rule(leaf)) is holds
    assert (_refusal(rule(leaf)) is None) is holds
