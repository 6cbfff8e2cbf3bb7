"""Conditions on scores: whom they select, how they read, and what they refuse."""

import pyarrow as pa
import pytest
from django.utils import translation
from pydantic import ValidationError

from lifecycle_engine.scoring.classes import ModelClass
from lifecycle_engine.scoring.conditions import ScoreClass, ScorePercentile, ScoreValue
from lifecycle_engine.scoring.tables import SCORES
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.testing.tables import MemoryTables
from lifecycle_engine.segments.rules import RuleError, rule_parse, rule_select
from tests.factories.class_scorers import Groups
from tests.factories.scoring import ModelVersionFactory
from tests.factories.segments import NOW, ago, customer_row, rule

ROWS = [(1, 0.2, 25.0), (2, 0.5, 50.0), (3, 0.9, 100.0)]


@pytest.fixture
def tables(dummy):
    """Four customers, of whom three have a score; another scorer's scores are in the way."""
    own = [_score(customer, value, percentile) for customer, value, percentile in ROWS]
    others = [_score(4, 0.9, 100.0, scorer_key="dummy.spend")]
    return MemoryTables(
        as_of=NOW,
        customers=[customer_row(customer) for customer in (1, 2, 3, 4)],
        scores=pa.Table.from_pylist(own + others, schema=SCORES),
    )


def _score(customer, value, percentile, scorer_key="dummy.lapse"):
    return {
        "customer_id": customer,
        "scorer_key": scorer_key,
        "value": value,
        "percentile": percentile,
        "model_version_id": 1,
        "as_of": ago(0),
    }


def _selected(tables, condition, group="all"):
    found = rule_select(rule_parse(rule(condition, group=group)), tables)
    return sorted(found.column("customer_id").to_pylist())


def _value(operator, value, **more):
    return {
        "condition": "score.value", "scorer": "dummy.lapse", "operator": operator, "value": value,
    } | more  # fmt: skip


def _percentile(operator, percentile, **more):
    return {
        "condition": "score.percentile", "scorer": "dummy.lapse", "operator": operator,
        "percentile": percentile,
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "selected"),
    [
        (_value("at_least", 0.5), [2, 3]),
        (_value("at_most", 0.5), [1, 2]),
        (_value("at_least", 0.95), []),
        (_percentile("at_least", 50), [2, 3]),
        (_percentile("at_most", 25), [1]),
        (_value("at_least", 0.5, scorer="dummy.spend"), [4]),
    ],
)
def test_who_has_such_a_score_is_selected(tables, condition, selected):
    assert _selected(tables, condition) == selected


def test_who_has_no_score_has_neither_a_high_nor_a_low_one(tables):
    assert 4 not in _selected(tables, _value("at_least", 0))
    assert 4 not in _selected(tables, _value("at_most", 1))
    assert _selected(tables, _value("at_least", 0), group="none") == [4]


def test_they_read_as_sentences(dummy):
    sentences = [
        ScoreValue(ScoreValue.Config(**_config(_value("at_least", 0.5)))).sentence(),
        ScoreValue(ScoreValue.Config(**_config(_value("at_most", 0.5)))).sentence(),
        ScorePercentile(ScorePercentile.Config(**_config(_percentile("at_least", 90)))).sentence(),
        ScorePercentile(ScorePercentile.Config(**_config(_percentile("at_most", 20)))).sentence(),
    ]
    assert sentences == [
        "has a Lapse of at least 0.5",
        "has a Lapse of at most 0.5",
        "is in the top 10 % by Lapse",
        "is in the bottom 20 % by Lapse",
    ]


def _class(classes, **more):
    return {"condition": "score.class", "scorer": "dummy.groups", "classes": classes} | more


@pytest.fixture
def classed():
    """Three customers, each in a class of its own or in one that a class's number begins."""
    rows = [_score(n, value, 50.0, scorer_key=Groups.key) for n, value in ((1, 1.0), (2, 12.0))]
    rows += [_score(3, 1.0, 50.0, scorer_key="dummy.other")]
    tables = MemoryTables(
        as_of=NOW,
        customers=[customer_row(customer) for customer in (1, 2, 3)],
        scores=pa.Table.from_pylist(rows, schema=SCORES),
    )
    with scorers.temporarily(Groups):
        yield tables


@pytest.mark.parametrize(("classes", "selected"), [([1], [1]), ([1, 12], [1, 2]), ([2], [])])
def test_who_is_in_one_of_the_classes_is_selected(classed, classes, selected):
    assert _selected(classed, _class(classes)) == selected


@pytest.mark.django_db
def test_a_class_reads_by_the_name_that_the_champion_gives_it(classed):
    ModelVersionFactory(
        scorer_key=Groups.key, classes=[ModelClass(1, ("long away", "rare")).as_json()]
    )
    condition = ScoreClass(ScoreClass.Config(**_config(_class([1, 9]))))
    with translation.override("en"):
        assert condition.sentence() == "is by Groups one of: Long away, rare / 9"


@pytest.mark.django_db
def test_classes_have_no_order_and_other_scores_no_classes(classed, dummy):
    for condition in (_value("at_least", 1), _percentile("at_least", 90)):
        with pytest.raises(RuleError, match="gives classes"):
            rule_parse(rule(condition | {"scorer": Groups.key}))
    with pytest.raises(RuleError, match="gives no classes"):
        rule_parse(rule(_class([1], scorer="dummy.lapse")))
    with pytest.raises(RuleError):
        rule_parse(rule(_class([])))


def _config(condition):
    return {name: value for name, value in condition.items() if name != "condition"}


@pytest.mark.django_db  # The message lists the scorers, with those of staff.
@pytest.mark.parametrize(
    ("condition", "path", "value", "reason"),
    [
        (_value("at_least", 1, scorer="gone.risk"), "scorer", "gone.risk", "no scorer 'gone.risk'"),
        (_value("above", 1), "operator", "above", "at_least"),
        (_value("at_least", float("nan")), "value", None, "finite"),
        (_percentile("at_least", 101), "percentile", 101, "less than or equal to 100"),
        (_percentile("at_least", 10, value=1), "value", 1, "unknown field"),
    ],
)
def test_a_wrong_one_is_named_by_field_and_value(dummy, condition, path, value, reason):
    with pytest.raises(RuleError, match=reason) as refused:
        rule_parse(rule(condition))
    assert refused.value.path == f"rule.all[0].{path}"
    if value is not None:
        assert refused.value.value == value


@pytest.mark.django_db
def test_the_scorer_must_be_registered():
    with pytest.raises(ValidationError, match=r"no scorer 'dummy\.lapse'"):
        ScoreValue.Config(**_config(_value("at_least", 1)))
