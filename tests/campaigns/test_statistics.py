"""The intervals agree with published examples and with SciPy."""

import pytest
from scipy import stats

from campaigns.statistics import (
    Moments,
    means_difference,
    rates_difference,
    student_quantile,
)


@pytest.mark.parametrize("freedom", [5, 8.5, 20, 100, 10_000])
def test_students_quantile(freedom):
    assert student_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=2e-3)


def test_welchs_interval():
    treated = [12.1, 9.8, 14.4, 11.0, 10.7, 13.2, 8.9, 12.5]
    held_out = [9.1, 10.3, 7.7, 8.8, 9.9, 11.2]
    found = means_difference(_moments(treated), _moments(held_out))
    wanted = stats.ttest_ind(treated, held_out, equal_var=False).confidence_interval(0.95)
    assert found.estimate == pytest.approx(sum(treated) / 8 - sum(held_out) / 6)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), rel=1e-2)
    assert found.shows_effect


def test_newcombes_example():
    # Newcombe 1998, table II, 56/70 against 48/80: 0.0524 to 0.3339.
    found = rates_difference(treated=56, treated_of=70, held_out=48, held_out_of=80)
    assert found.estimate == pytest.approx(0.2)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_nothing_to_compare_is_none():
    some, one = _moments([1.0, 2.0]), _moments([1.0])
    assert means_difference(some, one) is None
    assert rates_difference(treated=1, treated_of=2, held_out=0, held_out_of=0) is None


def test_without_spread_the_interval_is_the_estimate():
    found = means_difference(_moments([2.0, 2.0]), _moments([2.0, 2.0]))
    assert (found.estimate, found.low, found.high) == (0, 0, 0)
    assert not found.shows_effect


def _moments(values):
    return Moments.of_sums(
        count=len(values), total=sum(values), squares=sum(value**2 for value in values)
    )
