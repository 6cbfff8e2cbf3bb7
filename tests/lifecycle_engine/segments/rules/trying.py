"""What the tests of random rules share: how many to try, where, and asking an engine.

``RULES_EXAMPLES`` (60 unless said otherwise, 20 on Spark) says how many random rules are tried.
"""

import os
from functools import cache

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from lifecycle_engine.segments.rules import rule_parse
from tests.engines import ON_SPARK
from tests.factories.segments import MemoryTables, rule
from tests.lifecycle_engine.segments.rules.leaves import kinds, nodes
from tests.lifecycle_engine.segments.rules.worlds import MOMENTS, world

# A query that takes milliseconds elsewhere takes seconds on a cluster.
EXAMPLES = max(20, int(os.environ.get("RULES_EXAMPLES", "20" if ON_SPARK else "60")))
_AT_ONCE = 6  # Of more conditions in one query, the planning takes longer than asking again.
LARGE = settings(
    # The same rules in each run, unless somebody asks for more: what fails, failed for its author.
    derandomize="RULES_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    # A failing example of this size takes minutes to shrink, and is readable as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
#: Worlds are made once for each engine; the more examples, the more of them.
SEEDS = st.integers(0, max(len(MOMENTS) * 3, EXAMPLES // 10) - 1)

world_of = cache(world)


@cache
def tables_in(engine, seed):
    """The tables of the seed's world in an engine, made once."""
    rows = dict(world_of(seed))
    at = rows.pop("at")
    return MemoryTables(engine, **rows).at(at)


def members_by_leaf(leaves, tables):
    """The ids for whom each condition holds."""
    parsed = rule_parse(rule(*leaves)).leaves
    return [
        ids
        for some in (parsed[i : i + _AT_ONCE] for i in range(0, len(parsed), _AT_ONCE))
        for ids in _members(some, tables)
    ]


def _members(leaves, tables):
    customers = tables.customers
    columns = {
        f"leaf_{i}": leaf.condition.expression(tables, customers).fill_null(False)
        for i, leaf in enumerate(leaves)
    }
    found = tables.execute(customers.select("id", **columns)).to_pylist()
    return [sorted(row["id"] for row in found if row[f"leaf_{i}"]) for i in range(len(leaves))]


def leaves_somewhere():
    """A seed, and a condition of every kind."""
    return SEEDS.flatmap(
        lambda seed: st.tuples(st.just(seed), st.tuples(*kinds(MOMENTS[seed % len(MOMENTS)])))
    )


def rules_somewhere():
    """A seed, and some rules."""
    return SEEDS.flatmap(
        lambda seed: st.tuples(
            st.just(seed),
            st.lists(nodes(MOMENTS[seed % len(MOMENTS)]), min_size=1, max_size=4),
        )
    )
