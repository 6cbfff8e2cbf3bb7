"""The differential test has teeth: each change of how a leaf is compiled turns it red.

``RULE_MUTANTS=all`` tries every change, as ``make test-mutations`` does; otherwise a sample.
"""

import os
from functools import cache, cached_property
from itertools import zip_longest

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st

from lifecycle_engine.segments.rules import (
    RuleEvaluationError,
    rule_expression,
    rule_parse,
    rule_select,
)
from tests.lifecycle_engine.segments.rules.leaves import kinds_of, nodes
from tests.lifecycle_engine.segments.rules.mutants import RULES, compiling_mutants, keys_of
from tests.lifecycle_engine.segments.rules.reference import selected
from tests.lifecycle_engine.segments.rules.trying import tables_in, world_of
from tests.lifecycle_engine.segments.rules.worlds import MOMENTS
from tests.mutants import Mutant, applied

# So many conditions of a kind are tried on a mutant, one round after another, before it counts as
# survived; most fall in the first.
_ROUNDS = (25, 100, 250, 600)
_SEEDS = range(4)

#: Changes that no data can tell from the original, and why.
EQUIVALENT = {
    "identity.LocationNear.expression: LtE to Lt in"
    " `return on_globe & (self._haversine(latitude, longitude) <= reach)`": (
        "whether a computed distance is the reach to the last bit is up to an engine's rounding"
    ),
    "dates.DateNear._anniversary: Lt to LtE in"
    ' `(text < f"{in_year:04}") & day.isin(sorted(set(_month_days(days))))`': (
        "what reads as a date is longer than a year, and so never equal to one"
    ),
}

ALL = compiling_mutants()


def _sample() -> list[Mutant]:
    if os.environ.get("RULE_MUTANTS") == "all":
        return ALL
    # A few of every module.
    return ALL[21::24]


@cache
def _drawn(key, number):
    """Rules of one condition of a kind, or whole ones, each with the seed of a world."""
    drawn = []

    def roots(seed):
        at = MOMENTS[seed % len(MOMENTS)]
        return st.tuples(st.just(seed), nodes(at) if key == RULES else st.one_of(kinds_of(at, key)))

    @with_seed(number)
    @settings(
        max_examples=_ROUNDS[number],
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(_SEEDS).flatmap(roots))
    def collect(one):
        if one not in drawn:
            drawn.append(one)

    collect()
    return drawn


class _Asked:
    """A rule in a world: what it compiles to, and who is selected."""

    def __init__(self, engine, seed, root):
        self.tables, self._world = tables_in(engine, seed), world_of(seed)
        self.document = {"version": 1, "rule": root}
        self.parsed = rule_parse(self.document)

    @cached_property
    def whole(self):
        return self.compiled()

    @cached_property
    def wanted(self):
        return selected(self.document, self._world)

    def compiled(self):
        """The table of customers with an outcome."""
        (leaf,) = self.parsed.leaves
        outcome = leaf.condition.expression(self.tables, self.tables.customers)
        return self.tables.customers.select("id", outcome=outcome.fill_null(False))

    def found(self):
        rows = self.tables.execute(self.compiled()).to_pylist()
        return sorted(row["id"] for row in rows if row["outcome"])


class _AskedWhole(_Asked):
    """A rule of any shape, by ``rule_select``, with which ``rule_expression`` has to agree."""

    def compiled(self):
        return None

    def found(self):
        found = sorted(rule_select(self.parsed, self.tables)["customer_id"].to_pylist())
        try:
            later = self.tables.execute(rule_expression(self.parsed, self.tables))
        except RuleEvaluationError:
            assert self.parsed.root is None or not self.parsed.finished
        else:
            assert self.parsed.finished
            assert sorted(later["customer_id"].to_pylist()) == found
        return found


@cache
def _asked(engine, keys, number):
    """Some conditions of each kind after another."""
    kinds = [
        [(_AskedWhole if key == RULES else _Asked)(engine, *one) for one in _drawn(key, number)]
        for key in keys
    ]
    return [one for some in zip_longest(*kinds) for one in some if one is not None]


def _witness(engine, mutant):
    """A rule that the broken code compiles to something else, which selects others.

    What compiles to the same is not asked: nearly all the time goes into queries.
    """
    for number in range(len(_ROUNDS)):
        for one in _asked(engine, keys_of(mutant), number):
            whole = one.whole
            with applied(mutant):
                if _differs(one, whole):
                    return one
    return None


def _differs(one, whole):
    # Broken code raises whatever it likes, and that is red as well.
    try:
        is_same = whole is not None and one.compiled().equals(whole)
        return not is_same and one.found() != one.wanted
    except Exception:  # noqa: BLE001
        return True


@pytest.mark.parametrize("mutant", _sample(), ids=str)
def test_a_broken_leaf_is_told_from_a_whole_one(engine, mutant):
    if str(mutant) in EQUIVALENT:
        pytest.skip(EQUIVALENT[str(mutant)])

    witness = _witness(engine, mutant)

    assert witness is not None
    assert witness.found() == witness.wanted


def test_every_equivalent_change_exists():
    assert set(EQUIVALENT) <= {str(mutant) for mutant in ALL}
