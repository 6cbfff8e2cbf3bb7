"""What rules select: random rules over random data, against a reference in plain Python."""

import json
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.segments.rules import (
    Outcome,
    RuleEvaluationError,
    rule_explain,
    rule_parse,
    rule_select,
)
from tests.factories.segments import MemoryTables, ago, country_rule, customer_row, rule
from tests.lifecycle_engine.segments.rules.reference import selected

_IDS = range(1, 31)
_DATA = ("a", "b", "5", "true", "", None, 5, -3, 5.5, True, False)
_VALUES = st.sampled_from(_DATA)
# Both sides of the windows' edges, and the edges themselves; below 0 is the future.
_MOMENTS = [ago(days) for days in (-1, 0, 0.99999, 1, 1.00001, 30, 30.00001)]
_DAYS = st.sampled_from([1, 30])
_EVENTS = ["Product Viewed", "Order Completed"]
_NAMES = st.sampled_from(_EVENTS)


def _world(seed):
    """Random data, dense enough that conditions hold for some and not for others.

    Drawn with a seed: to draw a hundred rows one by one through hypothesis takes seconds.
    """
    rng = random.Random(seed)

    def rows(**columns):
        named = {"customer_id": [*_IDS, 999], **columns}
        return [
            {name: rng.choice(values) for name, values in named.items()}
            for _row in range(rng.randint(0, 80))
        ]

    def attributes():
        return {name: rng.choice(_DATA) for name in "ab" if rng.random() < 0.8}

    countries = ["DE", "FR", "", None]
    return {
        "customers": [
            customer_row(i, country=rng.choice(countries), attributes=attributes()) for i in _IDS
        ],
        "events": [
            event | {"properties": json.dumps(attributes())}
            for event in rows(name=_EVENTS, occurred_at=_MOMENTS)
        ],
        "orders": rows(occurred_at=_MOMENTS, value=[0.1, 0.2, 0.3, 10.0, -5.0, None]),
        "order_lines": rows(
            event_id=list("xyz"),
            occurred_at=_MOMENTS,
            department=["DELI", "PASTRY", None],
            category=["Cake", "Bread", None],
        ),
        "memberships": rows(segment=["vips", "others"]),
        "stages": rows(stage=["loyal", "lapsed"]),
        "consents": _ledger(
            rows(
                channel=["email", ""],
                purpose=["marketing", "profiling"],
                granted=[True, False],
                recorded_at=_MOMENTS,
                expires_at=[None, None, ago(3), ago(-3)],
            )
        ),
    }


def _ledger(entries):
    """The ledger has one yes and one no at a time."""
    names = ("customer_id", "channel", "purpose", "recorded_at", "granted")
    return list({tuple(entry[name] for name in names): entry for entry in entries}.values())


WORLDS = st.integers(0, 2**32 - 1).map(_world)


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

KINDS = (
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
    st.one_of(KINDS),
    lambda nodes: st.sampled_from(["all", "any", "none"]).flatmap(
        lambda kind: st.fixed_dictionaries({kind: st.lists(nodes, max_size=3)})
    ),
    max_leaves=6,
)


LARGE = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    # A failing example of this size takes minutes to shrink, and is readable as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@settings(LARGE, max_examples=8)
@given(world=WORLDS, leaves=st.tuples(*KINDS, *KINDS))
def test_every_condition_holds_where_the_reference_says_so(engine, world, leaves):
    tables = MemoryTables(engine, **world)
    parsed = rule_parse(rule(*leaves))
    customers = tables.customers
    columns = {
        f"leaf_{i}": leaf.condition.expression(tables, customers).fill_null(False)
        for i, leaf in enumerate(parsed.leaves)
    }

    found = tables.execute(customers.select("id", **columns)).to_pylist()

    for i, leaf in enumerate(leaves):
        members = sorted(row["id"] for row in found if row[f"leaf_{i}"])
        assert (leaf, members) == (leaf, selected({"version": 1, "rule": leaf}, world))


@settings(LARGE, max_examples=20)
@given(world=WORLDS, nodes=st.lists(NODES, min_size=1, max_size=4))
def test_duckdb_and_the_reference_select_the_same(engine, world, nodes):
    tables = MemoryTables(engine, **world)
    ids = [row["id"] for row in world["customers"]]

    for node in nodes:
        document = {"version": 1, "rule": node}
        parsed, members = rule_parse(document), selected(document, world)

        assert _ids(rule_select(parsed, tables)) == members
        assert _ids(rule_select(parsed, tables, customer_ids=ids[:9])) == [
            customer_id for customer_id in members if customer_id in ids[:9]
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
