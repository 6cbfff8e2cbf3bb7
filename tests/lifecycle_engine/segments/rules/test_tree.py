"""Reading rules: what is refused, and how the error says so."""

import pytest

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.segments.rules import RuleError, rule_parse
from tests.factories.segments import country_rule, rule

_LEAF = {"condition": "event.absent", "name": "Order Completed"}


def _nested(depth):
    node = _LEAF
    for _level in range(depth):
        node = {"all": [node]}
    return {"version": 1, "rule": node}


def _count(**config):
    return {"condition": "event.count", "name": "X", "at_least": 1, **config}


def _attribute(field, operator, value=None):
    return {"condition": "attribute", "field": field, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        (None, "rule", "must be an object"),
        ([], "rule", "must be an object"),
        ({"version": 2, "rule": {}}, "version", "must be 1"),
        ({"version": True, "rule": {}}, "version", "must be 1"),
        ({"rule": {}}, "version", "must be 1"),
        ({"version": 1}, "rule", "is missing"),
        ({"version": 1, "rule": {}, "sql": "1=1"}, "sql", "unknown key"),
        ({"version": 1, "rule": {"xor": []}}, "rule.xor", "unknown key"),
        ({"version": 1, "rule": {"all": [], "any": []}}, "rule", "exactly one"),
        ({"version": 1, "rule": {"all": _LEAF}}, "rule.all", "must be a list"),
        (rule({}), "rule.all[0]", "exactly one"),
        (rule("script::x"), "rule.all[0]", "must be a group or a condition"),
        (rule(_LEAF, {"any": [{"all": [], "x": 1}]}), "rule.all[1].any[0].x", "unknown key"),
        (rule({"condition": 7}), "rule.all[0].condition", "must be the key"),
        (rule({"condition": "no.such"}), "rule.all[0].condition", "No condition 'no.such'"),
        (rule({**_LEAF, "all": []}), "rule.all[0].all", "unknown field"),
        (rule(_LEAF, _count(days=0)), "rule.all[1].days", "greater than or equal to 1"),
        (rule(_LEAF, _count(days="30")), "rule.all[1].days", "valid integer"),
        (rule(_count(days=True)), "rule.all[0].days", "valid integer"),
        (rule({"condition": "event.count", "name": "X"}), "rule.all[0]", "at_least or at_most"),
        (rule({"condition": "event.count", "at_least": 1}), "rule.all[0].name", "is missing"),
        (rule(_count(at_least=3, at_most=2)), "rule.all[0]", "is more than at_most"),
        (
            rule(_count(where=[{"property": "a", "operator": "like", "value": "%"}])),
            "rule.all[0].where[0].operator",
            "Input should be",
        ),
        (rule(_attribute("cuontry", "is", "DE")), "rule.all[0].field", "unknown field"),
        (rule(_attribute("__class__", "is", "DE")), "rule.all[0].field", "unknown field"),
        (rule(_attribute('attributes."', "is", "DE")), "rule.all[0].field", "unknown field"),
        (rule(_attribute("country", "is")), "rule.all[0]", "can't be used with the value None"),
        (rule(_attribute("country", "is", 5)), "rule.all[0]", "holds a text"),
        (rule(_attribute("country", "at_least", "A")), "rule.all[0]", "has no meaning"),
        (rule(_attribute("country", "missing", "A")), "rule.all[0]", "can't be used"),
        (rule(_attribute("created_at", "at_least", "soon")), "rule.all[0]", "ISO 8601"),
        (rule({"condition": "stage.is", "one_of": ["vip"]}), "rule.all[0].one_of[0]", "Input"),
        (_nested(9), "rule" + ".all[0]" * 8 + ".all", "deeper than 8"),
        (rule(*[_LEAF] * 101), "rule.all", "more than 100"),
        (rule({"all": [_LEAF] * 60}, {"any": [_LEAF] * 60}), "rule", "more than 100"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_path(document, path, reason):
    with pytest.raises(RuleError) as refused:
        rule_parse(document)

    assert refused.value.path == path
    assert reason in refused.value.reason
    assert str(refused.value).startswith(f"{path}: ")


def test_the_error_shows_the_value_shortened():
    with pytest.raises(RuleError) as refused:
        rule_parse({"version": "9" * 500, "rule": {}})

    assert refused.value.value == "9" * 500
    assert len(str(refused.value)) < 130


def test_the_limits_themselves_are_allowed():
    assert len(rule_parse(_nested(8)).leaves) == 1
    assert len(rule_parse(rule(*[_LEAF] * 100)).leaves) == 100


def test_leaves_know_their_paths():
    parsed = rule_parse(rule(_LEAF, {"none": [_LEAF, _count()]}))

    assert [leaf.path for leaf in parsed.leaves] == [
        "rule.all[0]",
        "rule.all[1].none[0]",
        "rule.all[1].none[1]",
    ]
    assert rule_parse({"version": 1, "rule": _LEAF}).leaves[0].path == "rule"


def test_segments_are_those_that_leaves_read():
    member = {"condition": "segment.member", "segment": "vips"}

    assert rule_parse(rule(_LEAF, {"none": [member]})).segments == {"vips"}
    assert rule_parse(country_rule("DE")).segments == frozenset()


def test_a_plugins_condition_is_known_only_while_it_is_registered():
    class Lucky(Condition):
        key = "dummy.lucky"
        label = "Lucky"

    document = rule({"condition": "dummy.lucky"})
    with conditions.temporarily(Lucky):
        assert isinstance(rule_parse(document).leaves[0].condition, Lucky)

    with pytest.raises(RuleError, match="is its plugin missing or switched off"):
        rule_parse(document)


def test_a_value_of_several_kinds_is_refused_once_and_where_it_stands():
    with pytest.raises(RuleError) as refused:
        rule_parse(rule({"condition": "order.total", "at_least": "much"}))

    assert refused.value.path == "rule.all[0].at_least"
    assert refused.value.reason == (
        "Input should be a valid integer; or Input should be a valid number"
    )
