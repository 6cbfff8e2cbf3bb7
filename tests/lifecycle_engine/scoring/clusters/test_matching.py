"""Which number a cluster goes by."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.scoring.clusters.matching import numbers_followed

PLACES = st.lists(st.integers(0, 4), min_size=5, max_size=60).map(
    lambda drawn: np.unique(np.array([*range(5), *drawn]), return_inverse=True)[1]
)


def published(places, before=None, taken=(), first=1):
    numbers = numbers_followed(places, before, taken=taken, first=first)
    return np.array(numbers)[places]


def test_the_largest_of_the_first_model_is_the_first():
    assert published(np.array([2, 2, 2, 0, 1, 1])).tolist() == [1, 1, 1, 3, 2, 2]


@given(PLACES, st.permutations(range(5)))
def test_the_order_in_which_clusters_were_found_changes_no_number(places, order):
    renamed = np.array(order)[places]
    assert np.array_equal(published(places), published(renamed))


@given(PLACES, PLACES, st.permutations(range(5)))
def test_nor_does_it_beside_a_model_before(places, before, order):
    rows = min(len(places), len(before))
    before = before[:rows] * 3 + 2
    places = np.unique(places[:rows], return_inverse=True)[1]
    renamed = np.unique(np.array(order)[places], return_inverse=True)[1]
    found = published(places, before, taken=[2, 5, 8, 11, 14])
    assert np.array_equal(found, published(renamed, before, taken=[2, 5, 8, 11, 14]))
    assert len(np.unique(found)) == len(np.unique(places))


@given(PLACES)
def test_who_are_together_still_keep_their_number(places):
    before = np.array([11, 12, 13, 14, 15])[places]
    assert np.array_equal(published(places, before, taken=[99]), before)


def test_one_that_was_cut_up_keeps_its_number_in_the_larger_part():
    before = np.array([7] * 10 + [8] * 4)
    now = np.array([0] * 6 + [1] * 4 + [2] * 4)
    assert published(now, before, taken=[7, 8]).tolist() == [7] * 6 + [9] * 4 + [8] * 4


def test_a_number_of_one_that_is_gone_is_given_to_nobody():
    before = np.array([3] * 6 + [4] * 6)
    now = np.array([0, 1] * 6)
    assert set(published(now, before, taken=[1, 2, 3, 4, 9])) == {10, 11}
