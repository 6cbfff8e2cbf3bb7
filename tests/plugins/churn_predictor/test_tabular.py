"""Rows become scores and come back; what is made up stays within what was there."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from plugins.churn_predictor.tabular import LIMIT, TableCode, columns_apart

NUMBERS = st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")))


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=NUMBERS))
def test_scores_stand_for_the_rows_they_were_made_of(values):
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    code = TableCode.fit(frame)

    back = code.decode(code.encode(frame))

    # Two values closer than a score in single precision can tell may come back as one another.
    reach = float(np.nanmax(values) - np.nanmin(values)) if not np.isnan(values).all() else 0.0
    np.testing.assert_allclose(back, frame, atol=1 + 1e-3 * reach)
    assert np.abs(code.encode(frame)[:, :3]).max() <= LIMIT


@given(arrays.arrays(np.float32, (5, 3), elements=st.floats(-9, 9, width=32)))
def test_whatever_the_network_says_the_rows_stay_within_what_was_there(coded):
    frame = pd.DataFrame({"count": [0.0, 1.0, 4.0], "amount": [0.5, np.nan, 7.25]})

    found = TableCode.fit(frame).decode(coded)

    assert found["count"].isin([0.0, 1.0, 2.0, 3.0, 4.0]).all()
    assert found["amount"].dropna().between(0.5, 7.25).all()
    assert (found["amount"].isna() == (coded[:, 2] > 0.5)).all()


def test_the_score_is_the_normal_quantile_of_the_middle_of_a_values_share():
    code = TableCode.fit(pd.DataFrame({"a": [0.0, 0.0, 0.0, 5.0]}))

    # Middles 1.5 / 4 and 3.5 / 4 of the rows.
    scores = code.encode(pd.DataFrame({"a": [0.0, 5.0]}))[:, 0]
    assert scores == pytest.approx([-0.318639, 1.150349], abs=1e-6)


def test_columns_are_apart_by_the_greatest_distance_of_their_distributions():
    real = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [np.nan, 1.0, 1.0, 1.0]})
    made_up = pd.DataFrame({"a": [3.0, 4.0, 5.0, 6.0], "b": [np.nan, np.nan, 1.0, 1.0]})

    assert columns_apart(real, real) == 0.0
    assert columns_apart(real, made_up) == pytest.approx((0.5 + 0.25) / 2)
