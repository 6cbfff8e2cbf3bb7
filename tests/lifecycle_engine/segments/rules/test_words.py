"""Rules in words, and the JSON schema of the language."""

from operator import attrgetter

import pytest
from django.utils import translation

from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.rules import rule_parse, rule_schema, rule_sentence
from tests.factories.segments import rule

_BOUGHT = {"condition": "event.count", "name": "Order Completed", "at_least": 2, "days": 30}
_LOYAL = {"condition": "stage.is", "one_of": ["loyal", "won_back"]}
_RED = {"property": "colour", "operator": "is", "value": "red"}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (
            rule(_BOUGHT, _LOYAL),
            (
                "A customer who did “Order Completed” at least 2 times in the last 30 days and "
                "is in stage Loyal or Won back."
            ),
        ),
        (
            rule({"condition": "event.count", "name": "X", "at_least": 1, "at_most": 1}),
            "A customer who did “X” at least 1 and at most 1 time.",
        ),
        (
            rule(_LOYAL, {"any": [{"condition": "order.total", "at_most": 5}, {"none": [_LOYAL]}]}),
            (
                "A customer who is in stage Loyal or Won back and (ordered for at most 5 or "
                "not (is in stage Loyal or Won back))."
            ),
        ),
        (
            rule({"condition": "event.absent", "name": "X", "days": 1, "where": [_RED]}),
            "A customer who did not do “X” in the last 1 day where colour is red.",
        ),
        (
            rule({"condition": "order.recency", "at_least_days": 30}),
            "A customer who placed the last order at least 30 days ago.",
        ),
        (
            rule({"condition": "category.lapsed", "department": "DELI", "days": 60}),
            "A customer who bought from DELI at least 1 time, but not in the last 60 days.",
        ),
        (
            rule({"condition": "random.bucket", "salt": "june", "below_percent": 50}),
            "A customer who falls between 0 % and 50 % of the split “june”.",
        ),
        (rule(), "Nobody: the rule or one of its groups has no condition yet."),
    ],
)
def test_a_rule_reads_as_a_sentence(document, sentence):
    with translation.override("en"):
        assert rule_sentence(rule_parse(document)) == sentence


def test_the_schema_knows_every_condition_and_closes_each():
    schema = rule_schema()

    leaves = {key: schema["$defs"][key] for key in map(attrgetter("key"), conditions)}
    assert all(leaf["additionalProperties"] is False for leaf in leaves.values())
    assert all(leaf["properties"]["condition"] == {"const": key} for key, leaf in leaves.items())
    assert "$ref" in schema["$defs"]["node"]["anyOf"][0]
    filters = leaves["event.count"]["properties"]["where"]["items"]["$ref"]
    assert filters == "#/$defs/event.count~1PropertyFilter"
    assert "event.count/PropertyFilter" in schema["$defs"]
