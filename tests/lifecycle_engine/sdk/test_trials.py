"""A trial over seeds says what helps, and what only looks as if it did."""

import pytest

from lifecycle_engine.sdk.trials import Trial


def trial(having, *, higher_is_better=True, without=(0.5,) * 5):
    return Trial("a thing", "auc", higher_is_better, without, having)


def test_the_interval_is_students():
    """Differences 1 to 5: mean 3, standard error √(2.5 / 5), and 2.776 is t of four degrees."""
    found = trial((1.0, 2.0, 3.0, 4.0, 5.0), without=(0.0,) * 5)

    assert found.difference == 3.0
    assert found.interval == pytest.approx((3 - 2.776445 * 0.5**0.5, 3 + 2.776445 * 0.5**0.5))
    assert found.helps


@pytest.mark.parametrize(
    ("having", "higher_is_better", "helps"),
    [
        ((0.51, 0.52, 0.53, 0.52, 0.51), True, True),
        ((0.51, 0.52, 0.53, 0.52, 0.51), False, False),
        ((0.49, 0.48, 0.47, 0.48, 0.49), False, True),
        ((0.51, 0.40, 0.62, 0.50, 0.51), True, False),
        ((0.5, 0.5, 0.5, 0.5, 0.5), True, False),
    ],
)
def test_it_helps_only_where_the_interval_leaves_out_zero_on_the_good_side(
    having, higher_is_better, helps
):
    found = trial(having, higher_is_better=higher_is_better)

    assert found.helps is helps
    assert found.as_json()["helps"] is helps
    assert found.as_json()["seeds"] == 5


def test_a_constant_of_the_seeds_is_paired_away():
    without = (0.1, 0.9, 0.5, 0.3, 0.7)

    assert trial(tuple(one + 0.01 for one in without), without=without).helps


@pytest.mark.parametrize("having", [(0.5,) * 4, (0.5,) * 6])
def test_fewer_than_five_seeds_or_unpaired_ones_are_refused(having):
    with pytest.raises(ValueError, match=f"got {len(having)} and"):
        trial(having, without=(0.5,) * min(len(having), 5))
