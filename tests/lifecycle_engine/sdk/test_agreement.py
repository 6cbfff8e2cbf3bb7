"""How far two ways of grouping agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from lifecycle_engine.sdk.agreement import adjusted_rand, jaccards

GROUPS = st.integers(2, 40).flatmap(
    lambda rows: st.tuples(
        *(st.lists(st.integers(0, 4), min_size=rows, max_size=rows).map(np.array),) * 2
    )
)


@given(GROUPS)
def test_the_adjusted_rand_index_is_that_of_scikit_learn(both):
    first, second = both
    assert adjusted_rand(first, second) == pytest.approx(adjusted_rand_score(first, second))


@given(GROUPS, st.permutations(range(5)))
def test_what_groups_are_called_makes_no_difference(both, names):
    first, second = both
    renamed = np.array(names)[first]
    assert adjusted_rand(renamed, second) == pytest.approx(adjusted_rand(first, second))
    assert jaccards(renamed, second).max() == jaccards(first, second).max()


def test_jaccard_is_what_both_hold_by_what_either_holds():
    found = jaccards(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    assert found.tolist() == [[2 / 3, 1 / 4], [0.0, 1 / 2]]
