"""The differential test has teeth: each change of how a leaf is compiled turns it red.

``RULE_MUTANTS=all`` tries every change, as ``make test-mutations`` does; otherwise a sample.
"""

import os
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lifecycle_engine.segments.rules import RuleError
from tests.lifecycle_engine.segments.rules.leaves import kinds_of
from tests.lifecycle_engine.segments.rules.mutants import Mutant, applied, mutants
from tests.lifecycle_engine.segments.rules.reference import selected
from tests.lifecycle_engine.segments.rules.trying import members_by_leaf, tables_in, world_of
from tests.lifecycle_engine.segments.rules.worlds import MOMENTS

_EACH = 300  # Conditions of a kind that are tried on a mutant before it counts as survived.
_AT_ONCE = 10
_SEEDS = range(4)

#: Changes that no data can tell from the original, and why.
EQUIVALENT = {
    "dates._runs: Sub to Add in `for _number, run in groupby(enumerate(days),"
    " key=lambda one: one[1].toordinal() - one[0]):`": "each day becomes a run of its own",
}

ALL = list(mutants())


def _sample() -> list[Mutant]:
    if os.environ.get("RULE_MUTANTS") == "all":
        return ALL
    # Few, since each asks dozens of queries; the first modules have the most telling ones.
    return ALL[5:40:12]


@cache
def _leaves(key):
    """Conditions of a kind, each with the seed of a world."""
    drawn = []

    @settings(
        max_examples=_EACH,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(_SEEDS).flatmap(
            lambda seed: st.tuples(
                st.just(seed), st.one_of(kinds_of(MOMENTS[seed % len(MOMENTS)], key))
            )
        )
    )
    def collect(one):
        if one not in drawn:
            drawn.append(one)

    collect()
    return drawn


@cache
def _chunks(keys):
    """Some conditions of one world at a time, with who is selected."""
    chunks = []
    for seed in _SEEDS:
        drawn = [leaf for key in keys for where, leaf in _leaves(key) if where == seed]
        # Of every condition some in every chunk.
        several = -(-len(drawn) // _AT_ONCE)
        chunks += [(seed, drawn[i::several]) for i in range(several)]
    return [
        (
            seed,
            leaves,
            [selected({"version": 1, "rule": leaf}, world_of(seed)) for leaf in leaves],
        )
        for seed, leaves in chunks
        if leaves
    ]


def _is_told(engine, keys):
    for seed, leaves, wanted in _chunks(keys):
        try:
            found = members_by_leaf(leaves, tables_in(engine, seed))
        except RuleError:
            raise
        except Exception:  # noqa: BLE001 - a query that can't be run is red, whatever its error
            return True
        if found != wanted:
            return True
    return False


@pytest.mark.parametrize("mutant", _sample(), ids=str)
def test_a_broken_leaf_is_told_from_a_whole_one(engine, mutant):
    if str(mutant) in EQUIVALENT:
        pytest.skip(EQUIVALENT[str(mutant)])

    with applied(mutant):
        assert _is_told(engine, mutant.keys)


def test_whole_leaves_are_not_told_from_themselves(engine):
    keys = sorted({key for mutant in ALL for key in mutant.keys})

    assert not _is_told(engine, tuple(keys[::6]))


def test_every_equivalent_change_exists():
    assert set(EQUIVALENT) <= {str(mutant) for mutant in ALL}
