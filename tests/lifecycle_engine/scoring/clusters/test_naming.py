"""What sets clusters apart, and what they are called."""

import numpy as np
import pytest

from lifecycle_engine.scoring.classes import ModelClass, Trait
from lifecycle_engine.scoring.clusters.naming import (
    cluster_traits,
    clusters_named,
    names_kept,
    standard_differences,
)

WORDS = {
    "orders": ("frequent", "rare"),
    "orders_7d": ("frequent", "rare"),
    "spend": ("high spend", "low spend"),
    "nights": ("by night", "by day"),
    "gaps": ("rare", "frequent"),
}


def test_a_difference_is_in_pooled_standard_deviations():
    ours, others = np.array([[1.0], [2.0], [3.0]]), np.array([[3.0], [5.0], [np.nan], [7.0]])
    # Means 2 and 5, variances 1 and 4 of three values each: pooled 2.5.
    assert standard_differences(ours, others).tolist() == pytest.approx([-3 / 2.5**0.5])


def test_a_feature_without_difference_or_spread_has_none():
    same = np.ones((4, 1))
    assert standard_differences(same, same).tolist() == [0.0]
    assert standard_differences(same[:0], same).tolist() == [0.0]


def test_the_largest_differences_make_the_name():
    values = np.array([[9.0, 1.0], [8.0, 1.1], [1.0, 1.0], [2.0, 1.1], [1.5, 1.05]])
    places = np.array([0, 0, 1, 1, 1])
    traits = cluster_traits(values, places, ["orders", "spend"])
    assert [one[0].feature for one in traits] == ["orders", "orders"]
    assert clusters_named(traits, WORDS) == [("frequent",), ("rare",)]


def named(*traits):
    return clusters_named([tuple(Trait(*one) for one in of_one) for of_one in traits], WORDS)


def test_features_that_say_the_same_say_it_once():
    assert named([("orders", 2.0), ("orders_7d", 1.5), ("spend", -0.9)]) == [
        ("frequent", "low spend")
    ]


def test_nor_does_it_say_it_again_by_a_feature_that_counts_the_other_way():
    assert named([("orders", 2.0), ("gaps", -1.5), ("spend", 1.0)]) == [("frequent", "high spend")]
    assert named([("orders", 2.0), ("gaps", 0.9)]) == [("frequent",)]


def test_where_nothing_is_of_medium_size_it_is_like_most():
    assert named([("orders", 0.4), ("unknown", 3.0)]) == [("like most",)]


def test_names_that_would_be_the_same_are_made_longer():
    words = {f"f{n}": (f"much {n}", f"little {n}") for n in range(5)}
    alike = [(f"f{n}", 2.0 - n / 10) for n in range(3)]
    traits = [
        tuple(Trait(*one) for one in [*alike, ("f3", 1.0)]),
        tuple(Trait(*one) for one in [*alike, ("f3", -1.0)]),
    ]
    first, second = clusters_named(traits, words)
    assert first == ("much 0", "much 1", "much 2", "much 3")
    assert second == ("much 0", "much 1", "much 2", "little 3")


def test_a_name_stays_while_what_it_says_is_so():
    old = {3: ModelClass(3, ("frequent", "high spend"))}
    still = (Trait("spend", 1.0), Trait("orders", 0.3))
    turned = (Trait("spend", 1.0), Trait("orders", -0.6))

    def kept(traits):
        now = ModelClass(3, ("high spend",), traits=traits)
        return names_kept([now], old, WORDS)[0].words

    assert kept(still) == ("frequent", "high spend")
    assert kept(turned) == ("high spend",)
    assert names_kept([ModelClass(4, ("rare",))], old, WORDS)[0].words == ("rare",)
