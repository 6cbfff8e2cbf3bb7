"""Wilson's interval, at the border and against another library's."""

import pytest
from scipy.stats import binomtest

from lifecycle_engine.core.intervals import wilson_interval


@pytest.mark.parametrize(("successes", "of"), [(0, 10), (3, 10), (10, 10), (17, 1_000)])
def test_it_is_that_of_scipy(successes, of):
    wanted = binomtest(successes, of).proportion_ci(0.95, "wilson")

    assert wilson_interval(successes, of) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_none_of_ten_is_the_textbooks():
    assert wilson_interval(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
