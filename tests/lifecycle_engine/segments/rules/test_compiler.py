"""What rules select where something is missing, and what explaining them says."""

import pytest

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.segments.rules import (
    Outcome,
    RuleEvaluationError,
    rule_explain,
    rule_parse,
    rule_select,
)
from tests.factories.segments import MemoryTables, country_rule, customer_row, rule


def _ids(selection):
    return sorted(selection.column("customer_id").to_pylist())


def _tables(engine):
    return MemoryTables(
        engine,
        customers=[
            customer_row(1, country="DE"),
            customer_row(2, country="FR"),
            customer_row(3, country=None),
        ],
    )


_DE = country_rule("DE")["rule"]["all"][0]


@pytest.mark.parametrize(
    "document",
    [
        {"version": 1, "rule": {}},
        rule(),
        rule(group="none"),
        rule(group="any"),
        rule({"all": []}, group="none"),
        rule(_DE, {"any": []}),
        rule(_DE, {"none": [{"all": []}]}, group="any"),
    ],
)
def test_an_empty_rule_or_group_selects_nobody(engine, document):
    assert rule_select(rule_parse(document), _tables(engine)).num_rows == 0


def test_a_null_is_false_inside_a_negation_too(engine):
    not_german = rule(_DE, group="none")

    assert _ids(rule_select(rule_parse(not_german), _tables(engine))) == [2, 3]


def test_explain_gives_every_conditions_outcome(engine):
    document = rule(_DE, {"none": [{"condition": "stage.is", "one_of": ["loyal"]}]})

    outcomes = rule_explain(rule_parse(document), _tables(engine), customer_id=2)

    assert outcomes == {
        "rule.all[0]": Outcome(holds=False, observed="FR"),
        "rule.all[1].none[0]": Outcome(holds=False),
    }
    assert rule_explain(rule_parse(document), _tables(engine), customer_id=77) == {}


@pytest.mark.parametrize("error", [KeyError("nosuch"), TypeError("boom"), ZeroDivisionError("0")])
def test_a_condition_that_breaks_is_neither_true_nor_false(engine, error):
    class Broken(Condition):
        key = "dummy.broken"
        label = "Broken"

        def expression(self, tables, customers):
            raise error

    with conditions.temporarily(Broken):
        parsed = rule_parse(rule(_DE, {"condition": "dummy.broken"}, group="any"))
        with pytest.raises(RuleEvaluationError, match=r"rule\.any\[1\]"):
            rule_select(parsed, _tables(engine))
