"""Statements that are kept select, at another moment and from other rows, what they should."""

from datetime import timedelta
from functools import cache

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.segments.rules import rule_expiring, rule_parse, rule_select
from lifecycle_engine.warehouse.kept import Statements, statements
from lifecycle_engine.warehouse.session import SessionTables
from tests.factories.segments import (
    NOW,
    SCHEMAS,
    ago,
    country_rule,
    customer_row,
    event_row,
    rule,
)
from tests.lifecycle_engine.segments.rules.reference import selected
from tests.lifecycle_engine.segments.rules.trying import (
    EXAMPLES,
    LARGE,
    leaves_somewhere,
    tables_in,
    world_of,
)

#: What looks at the calendar is compiled for each moment.
_NEVER_KEPT = {"date.near"}


class GivenTables(SessionTables):
    """A session's tables over given rows."""

    def __init__(self, engine, at, **rows):
        super().__init__(engine, start=None, as_of=at)
        self._rows, self._given = rows, {}

    def __getitem__(self, name):
        if name not in self._given:
            rows = [
                row
                for row in self._rows.get(name, [])
                if "occurred_at" not in row or row["occurred_at"] < self.as_of
            ]
            found = pa.Table.from_pylist(rows, schema=SCHEMAS[name])
            self._given[name] = self._engine.live_table(name, found)
        return self._given[name]


@cache
def _given(engine, seed):
    rows = dict(world_of(seed))
    return GivenTables(engine, rows.pop("at"), **rows)


@settings(LARGE, max_examples=max(1, EXAMPLES // 30))
@given(drawn=leaves_somewhere())
def test_a_kept_statement_is_right_at_another_moment_over_other_rows(engine, drawn):
    seed, leaves = drawn
    statements.clear()

    for leaf in leaves:
        document = {"version": 1, "rule": leaf}
        parsed, before = rule_parse(document), len(statements)
        rule_select(parsed, _given(engine, seed + 1))
        kept = len(statements) - before

        found = _ids(rule_select(parsed, _given(engine, seed)))

        assert (seed, leaf, found) == (seed, leaf, selected(document, world_of(seed)))
        assert (leaf, kept) == (leaf, int(leaf["condition"] not in _NEVER_KEPT))
        assert len(statements) - before == kept


@settings(LARGE, max_examples=max(1, EXAMPLES // 30))
@given(drawn=leaves_somewhere())
def test_a_kept_statement_finds_whom_time_concerns_between_other_moments(engine, drawn):
    seed, leaves = drawn
    statements.clear()
    here, elsewhere = _given(engine, seed), _given(engine, seed + 1)
    since = here.as_of - timedelta(days=2)

    for leaf in leaves:
        parsed, before = rule_parse({"version": 1, "rule": leaf}), len(statements)
        rule_expiring(parsed, elsewhere, since=elsewhere.as_of - timedelta(hours=1))
        kept = len(statements) - before

        found = _ids(rule_expiring(parsed, here, since=since))

        anew = _ids(rule_expiring(parsed, tables_in(engine, seed), since=since))
        assert (seed, leaf, found) == (seed, leaf, anew)
        by_time = not parsed.leaves[0].condition.timeless
        assert (leaf, kept) == (leaf, int(by_time and leaf["condition"] not in _NEVER_KEPT))


def test_an_edge_moves_with_the_moment(engine):
    bought = rule({"condition": "event.count", "name": "Bought", "at_least": 1, "days": 30})
    rows = {"customers": [customer_row(1)], "events": [event_row(1, "Bought", 30)]}
    moments = (NOW, NOW + timedelta(microseconds=1), ago(30), ago(30) + timedelta(microseconds=1))
    statements.clear()

    found = [_ids(rule_select(rule_parse(bought), GivenTables(engine, at, **rows)))
             for at in moments]  # fmt: skip

    assert found == [[1], [], [], [1]]
    assert len(statements) == 1


def _dummy(expression):
    class Dummy(Condition):
        key = "dummy.looks"
        label = "Dummy"

    Dummy.expression = expression
    return Dummy


@pytest.mark.parametrize(
    "expression",
    [
        lambda _, tables, customers: customers.created_at >= tables.as_of - timedelta(days=300),
        lambda _, tables, customers: customers.id.isin(
            tables.execute(tables.customers.select("id"))["id"].to_pylist()
        ),
        lambda _, tables, customers: customers.id.isin(ibis.memtable(pa.table({"id": [1]})).id),
        lambda _, tables, customers: customers.id.isin(
            tables.window(ago(9), ago(1)).events.customer_id
        ),
    ],
    ids=["looks at the moment", "looks at rows", "brings rows along", "looks through a window"],
)
def test_nothing_is_kept_of_a_condition_that_looks(engine, expression):
    rows = {"customers": [customer_row(1)], "events": [event_row(1, "Bought", 5)]}
    statements.clear()

    with conditions.temporarily(_dummy(expression)):
        parsed = rule_parse(rule({"condition": "dummy.looks"}))
        assert _ids(rule_select(parsed, WindowTables(engine, NOW, **rows))) == [1]

    assert len(statements) == 0


class WindowTables(GivenTables):
    """Given tables with a window over them."""

    def window(self, start, end):
        events = [row for row in self._rows["events"] if start <= row["occurred_at"] < end]
        return GivenTables(self._engine, end, **self._rows | {"events": events})


def test_another_condition_of_the_same_key_is_another_question(engine):
    rows = {"customers": [customer_row(1)]}
    parsed = []
    for holds in (True, False):
        dummy = _dummy(lambda _, _tables, customers, holds=holds: (customers.id > 0) == holds)
        with conditions.temporarily(dummy):
            parsed.append(rule_parse(rule({"condition": "dummy.looks"})))

    found = [_ids(rule_select(one, GivenTables(engine, NOW, **rows))) for one in parsed]

    assert found == [[1], []]


def test_the_least_used_go_first(engine):
    kept = Statements(at_most=2)
    tables = GivenTables(engine, NOW, customers=[customer_row(1)])
    asked = []

    def ask(key):
        kept.select(
            key,
            lambda among, _since: asked.append(key) or among.customers,
            tables,
            engine,
            since=NOW,
        )

    for key in ("a", "b", "a", "c", "a", "b"):
        ask(key)

    assert asked == ["a", "b", "c", "b"]
    assert len(kept) == 2


def test_a_table_that_was_read_again_is_asked(engine):
    tables = GivenTables(engine, NOW, customers=[customer_row(1, country="DE")])
    parsed = rule_parse(country_rule("DE"))
    assert _ids(rule_select(parsed, tables)) == [1]

    tables._given.clear()
    tables._rows = {"customers": [customer_row(2, country="DE")]}

    assert _ids(rule_select(parsed, tables)) == [2]


def _ids(selection):
    return sorted(selection.column("customer_id").to_pylist())
