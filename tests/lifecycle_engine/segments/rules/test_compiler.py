"""What rules select: random rules over random data, against a reference in plain Python."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.segments.rules import (
    RuleEvaluationError,
    rule_explain,
    rule_parse,
    rule_select,
)
from tests.factories.segments import MemoryTables, ago, country_rule, customer_row, rule
from tests.lifecycle_engine.segments.rules.reference import selected

_IDS = range(1, 6)
_TEXTS = ("a", "b", "5", "true", "")
_VALUES = st.sampled_from([*_TEXTS, None, 5, -3, 5.5, True, False])
# Both sides of the windows' edges, and the edges themselves; below 0 is the future.
_AGO = st.sampled_from([-1, 0.5, 1, 1.00001, 0.99999, 2, 5, 29.5, 30, 30.00001, 400])
_DAYS = st.sampled_from([1, 2, 30])
_NAMES = st.sampled_from(["Product Viewed", "Order Completed"])


def _rows(**columns):
    owned = {"customer_id": st.sampled_from([*_IDS, 99]), **columns}
    return st.lists(st.fixed_dictionaries(owned), max_size=12)


_properties = st.dictionaries(st.sampled_from(["a", "b"]), _VALUES).map(json.dumps)
_moments = _AGO.map(ago)

WORLDS = st.fixed_dictionaries(
    {
        "customers": st.lists(
            st.builds(
                customer_row,
                st.sampled_from(_IDS),
                country=st.sampled_from(["DE", "FR", "", None]),
                attributes=st.dictionaries(st.sampled_from(["a", "b"]), _VALUES),
            ),
            unique_by=lambda row: row["id"],
        ),
        "events": _rows(name=_NAMES, occurred_at=_moments, properties=_properties),
        "orders": _rows(
            occurred_at=_moments, value=st.sampled_from([0.1, 0.2, 0.3, 10.0, -5.0, None])
        ),
        "order_lines": _rows(
            event_id=st.sampled_from("xyz"),
            occurred_at=_moments,
            department=st.sampled_from(["DELI", "PASTRY", None]),
            category=st.sampled_from(["Cake", "Bread", None]),
        ),
        "memberships": _rows(segment=st.sampled_from(["vips", "others"])),
        "stages": _rows(stage=st.sampled_from(["loyal", "lapsed"])),
        "consents": st.lists(
            st.fixed_dictionaries(
                {
                    "customer_id": st.sampled_from(_IDS),
                    "channel": st.sampled_from(["email", ""]),
                    "purpose": st.sampled_from(["marketing", "profiling"]),
                    "granted": st.booleans(),
                    "recorded_at": _moments,
                }
            ),
            # The ledger has one entry at a time.
            unique_by=lambda row: (
                row["customer_id"],
                row["channel"],
                row["purpose"],
                row["recorded_at"],
            ),
            max_size=10,
        ),
    }
)


def _leaf(key, optional=None, **fields):
    return st.fixed_dictionaries({"condition": st.just(key), **fields}, optional=optional or {})


def _comparison(**name):
    scalars = _VALUES.filter(lambda value: value is not None)
    bounds = scalars.filter(lambda value: not isinstance(value, bool))
    return st.one_of(
        st.fixed_dictionaries(
            {**name, "operator": st.sampled_from(["is", "is_not"]), "value": scalars}
        ),
        st.fixed_dictionaries(
            {**name, "operator": st.sampled_from(["at_least", "at_most"]), "value": bounds}
        ),
        st.fixed_dictionaries(
            {
                **name,
                "operator": st.just("one_of"),
                "value": st.lists(scalars, min_size=1, max_size=3),
            }
        ),
        st.fixed_dictionaries({**name, "operator": st.just("missing")}),
    )


def _bounded(key, at_least, at_most, names=("at_least", "at_most"), optional=None, **fields):
    low, high = names
    return st.one_of(
        _leaf(key, optional, **fields, **{low: at_least}),
        _leaf(key, optional, **fields, **{high: at_most}),
        _leaf(key, optional, **fields, **{low: at_least, high: at_most}).filter(
            lambda leaf: leaf[low] <= leaf[high]
        ),
    )


_where = st.lists(_comparison(property=st.sampled_from(["a", "b"])), max_size=2)
_within = {"days": _DAYS, "where": _where}
_catalogue = st.one_of(
    st.fixed_dictionaries({"department": st.sampled_from(["DELI", "PASTRY"])}),
    st.fixed_dictionaries({"category": st.sampled_from(["Cake", "Bread"])}),
)


def _of_catalogue(key, optional, **fields):
    return st.builds(lambda leaf, part: leaf | part, _leaf(key, optional, **fields), _catalogue)


_column = st.builds(
    lambda operator, value: {
        "condition": "attribute",
        "field": "country",
        "operator": operator,
        "value": [value] if operator == "one_of" else value if operator != "missing" else None,
    },
    st.sampled_from(["is", "is_not", "one_of", "missing"]),
    st.sampled_from(["DE", "FR", "IT"]),
)

LEAVES = st.one_of(
    _column,
    _comparison(
        condition=st.just("attribute"), field=st.sampled_from(["attributes.a", "attributes.b"])
    ),
    _bounded("event.count", st.integers(1, 3), st.integers(0, 3), optional=_within, name=_NAMES),
    _leaf("event.absent", _within, name=_NAMES),
    _bounded("order.recency", _DAYS, _DAYS, names=("at_least_days", "at_most_days")),
    _bounded(
        "order.total",
        st.sampled_from([0.1, 0.3, 10, 20.6]),
        st.sampled_from([-5, 0, 0.3, 10]),
        optional={"days": _DAYS},
    ),
    _of_catalogue("category.bought", {"days": _DAYS, "at_least": st.integers(1, 3)}),
    _of_catalogue("category.lapsed", {"at_least": st.integers(1, 3)}, days=_DAYS),
    _leaf("segment.member", segment=st.just("vips")),
    _leaf("stage.is", one_of=st.sampled_from([["loyal"], ["loyal", "lapsed"], ["prospect"]])),
    _leaf(
        "consent.granted",
        channel=st.sampled_from(["email", ""]),
        purpose=st.sampled_from(["marketing", "profiling"]),
    ),
    _leaf("random.bucket", {"from_percent": st.just(25)}, salt=_NAMES, below_percent=st.just(75)),
)

NODES = st.recursive(
    LEAVES,
    lambda nodes: st.sampled_from(["all", "any", "none"]).flatmap(
        lambda kind: st.fixed_dictionaries({kind: st.lists(nodes, max_size=3)})
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=WORLDS, nodes=st.lists(NODES, min_size=1, max_size=4))
def test_duckdb_and_the_reference_select_the_same(engine, world, nodes):
    tables = MemoryTables(engine, **world)
    ids = [row["id"] for row in world["customers"]]

    for node in nodes:
        document = {"version": 1, "rule": node}
        parsed, members = rule_parse(document), selected(document, world)

        assert _ids(rule_select(parsed, tables)) == members
        assert _ids(rule_select(parsed, tables, customer_ids=ids[:2])) == [
            customer_id for customer_id in members if customer_id in ids[:2]
        ]


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

    assert outcomes == {"rule.all[0]": False, "rule.all[1].none[0]": False}
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
