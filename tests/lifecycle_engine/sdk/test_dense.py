"""A dense network answers from its arrays alone; plugins' tests train some with Keras."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.dense import Dense, _logged, _scale, sigmoid

ARRAYS = {
    "mean": np.array([1.0, 0.0]),
    "spread": np.array([2.0, 1.0]),
    "weights_0": np.array([[1.0, -1.0], [0.5, 1.0]]),
    "bias_0": np.array([0.0, 0.25]),
    "weights_1": np.array([[2.0], [1.0]]),
    "bias_1": np.array([-1.0]),
}


def test_what_is_missing_is_average_and_what_is_absurd_is_cut_off():
    frame = pd.DataFrame({"a": [np.nan, np.expm1(3.0), -1e300], "b": [0.0, np.nan, 1e300]})

    assert Dense(ARRAYS).inputs(frame).tolist() == [[0, 0], [1, 0], [-4, 4]]


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, 1e6])
def test_what_everybody_has_says_nothing(value):
    frame = pd.DataFrame({"a": np.full(3001, value)})

    assert np.abs(Dense(_scale(_logged(frame))).inputs(frame)).max() < 1e-6


def test_layers_follow_one_another_with_nothing_below_zero_between():
    frame = pd.DataFrame({"a": [np.expm1(3.0)], "b": [np.expm1(2.0)]})

    # Inputs 1 and 2: hidden max(0, 1 + 1) and max(0, -1 + 2 + 0.25).
    assert Dense(ARRAYS).outputs(frame) == pytest.approx(np.array([[2 * 2 + 1.25 - 1]]))
    below = pd.DataFrame({"a": [np.expm1(-5.0)], "b": [-np.expm1(4.0)]})
    assert Dense(ARRAYS).outputs(below) == pytest.approx(np.array([[-1.0]]))


def test_nobody_is_certain_whatever_the_log_odds():
    assert sigmoid(np.array([0.0, 1e9, -1e9])) == pytest.approx([0.5, 1.0, 0.0], abs=1e-12)
    assert sigmoid(np.array([-1e9]))[0] > 0
