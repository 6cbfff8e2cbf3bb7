"""Contributions in networks and linear models."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.explaining import (
    integrated_gradients,
    linear_contributions,
    network_contributions,
)


def _frame(rows, columns, seed=1):
    values = np.random.default_rng(seed).normal(0, 2, (rows, columns))
    return pd.DataFrame(values, columns=[f"f{n}" for n in range(columns)])


def _layers(*widths, seed=2):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(0, before**-0.5, (before, after)), rng.normal(0, 0.3, after))
        for before, after in pairwise(widths)
    ]


def _answer(inputs, layers):
    (w1, b1), (w2, b2), (w3, b3) = layers
    hidden = np.maximum(np.maximum(inputs @ w1 + b1, 0) @ w2 + b2, 0)
    return (hidden @ w3 + b3)[:, 0]


def test_contributions_in_a_network_add_up_to_its_answer():
    frame, layers = _frame(200, 5), _layers(5, 8, 4, 1)

    found = network_contributions(frame, inputs=frame.to_numpy(), layers=layers)

    answers = _answer(frame.to_numpy(), layers)
    assert found.base == pytest.approx(_answer(np.zeros((1, 5)), layers)[0])
    missing = np.abs(found.totals() - answers) / np.maximum(1, np.abs(answers - found.base))
    assert missing.max() <= 1e-3


def test_contributions_to_what_is_made_of_the_outputs_add_up_to_it():
    frame, layers = _frame(50, 5), _layers(5, 8, 4, 2)

    def product(outputs):
        return outputs[:, 0] * outputs[:, 1], outputs[:, ::-1]

    found = network_contributions(frame, inputs=frame.to_numpy(), layers=layers, end=product)

    (w1, b1), (w2, b2), (w3, b3) = layers
    hidden = np.maximum(np.maximum(frame.to_numpy() @ w1 + b1, 0) @ w2 + b2, 0)
    answers = (hidden @ w3 + b3).prod(axis=1)
    missing = np.abs(found.totals() - answers) / np.maximum(1, np.abs(answers - found.base))
    assert missing.max() <= 1e-3


def test_a_feature_that_is_average_or_unused_adds_nothing():
    frame, layers = _frame(20, 3), _layers(3, 6, 4, 1)
    frame["f0"] = 0.0
    layers[0][0][2] = 0.0

    found = network_contributions(frame, inputs=frame.to_numpy(), layers=layers).values

    assert (found["f0"] == 0).all()
    assert (found["f2"] == 0).all()
    assert (found["f1"] != 0).all()


def test_integrated_gradients_of_a_product_share_it():
    # Along the line from 0 to (a, b) the gradient of x*y gives both a*b/2, by hand.
    points = np.array([[2.0, 3.0], [-1.0, 4.0]])

    found = integrated_gradients(
        points,
        np.zeros(2),
        output=lambda at: at[:, 0] * at[:, 1],
        gradient=lambda at: at[:, ::-1],
    )

    np.testing.assert_allclose(found, [[3.0, 3.0], [-2.0, -2.0]])


def test_nobody_has_no_contributions():
    frame, layers = _frame(0, 3), _layers(3, 4, 1)

    found = network_contributions(frame, inputs=frame.to_numpy(), layers=layers)

    assert found.values.shape == (0, 3)


def test_contributions_in_a_linear_model_are_distances_from_the_mean():
    frame = pd.DataFrame({"a": [1.0, 3.0], "b": [0.0, -2.0]}, index=[7, 9])

    found = linear_contributions(
        frame, inputs=frame.to_numpy(), coefficients=[2.0, -1.0], intercept=0.5, mean=[2.0, -1.0]
    )

    assert found.values.to_numpy().tolist() == [[-2.0, -1.0], [2.0, 1.0]]
    assert found.totals().to_dict() == {7: 2.5, 9: 8.5}
    assert found.scaled(2.0, 1.0).totals().to_dict() == {7: 6.0, 9: 18.0}
