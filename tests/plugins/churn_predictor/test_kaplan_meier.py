"""The curve is the textbook's, and stays a curve whatever it is made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.churn_predictor.kaplan_meier import KaplanMeier


def fitted(seen, *, weeks):
    week, stopped = zip(*seen, strict=True)
    return KaplanMeier.fit(np.array(week), np.array(stopped, dtype=bool), weeks=weeks)


def test_it_is_what_one_computes_by_hand():
    """Five people: 1 of 5 stops, then 1 of 4 (one leaves the view), then 1 of 2; the last stays."""
    found = fitted([(1, True), (2, True), (2, False), (3, True), (5, False)], weeks=5)

    assert found.at_risk.tolist() == [5, 4, 2, 1, 1]
    assert found.survival == pytest.approx([0.8, 0.6, 0.3, 0.3, 0.3])


def test_the_interval_is_greenwoods_on_the_log_log_scale():
    """Of 10 people 2 stop: variance 2 / (10 · 8), θ = 1.96 √.025 / ln .8."""
    low, high = fitted([(1, True)] * 2 + [(2, False)] * 8, weeks=1).interval()

    theta = 1.959964 * 0.025**0.5 / abs(np.log(0.8))
    assert low == pytest.approx([0.8 ** np.exp(theta)])
    assert high == pytest.approx([0.8 ** np.exp(-theta)])


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1))
def test_it_falls_between_one_and_nothing_within_its_interval(seen):
    found = fitted(seen, weeks=6)
    low, high = found.interval()

    assert (np.diff(found.survival, prepend=1.0) <= 0).all()
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= found.survival + 1e-12).all()
    assert (found.survival <= high + 1e-12).all()
