"""The losses against numbers by hand, and nothing but what is known counts."""

from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.lifecycle_multitask.losses import task_losses, weighed

AMOUNTS = (False, True)


def test_the_losses_are_those_of_the_papers():
    truth = np.array([[1.0, 0.0], [0.0, 4.0]])
    said = np.array([[0.0, log(9.0)], [log(3.0), 0.0]])

    found = task_losses(np, truth, said, amounts=AMOUNTS)

    # Even odds cost log 2; three to one against what is true log 4. Of a mean of 9 where nothing
    # was spent 2 · (3 - 0)² / 3, of a mean of 1 where 4 were 2 · (1 - 2)² / 1.
    assert found == pytest.approx(np.array([[log(2), 6.0], [log(4), 2.0]]))


def test_the_deviance_is_tweedies_with_power_three_halves():
    rng, power = np.random.default_rng(1), 1.5
    y, mean = rng.gamma(1.0, 2.0, 50), rng.gamma(1.0, 2.0, 50)
    # Dunn and Smyth (2005), equation 6.
    deviance = 2 * (
        y ** (2 - power) / ((1 - power) * (2 - power))
        - y * mean ** (1 - power) / (1 - power)
        + mean ** (2 - power) / (2 - power)
    )

    found = task_losses(np, y[:, None], np.log(mean)[:, None], amounts=[True])[:, 0]

    assert found == pytest.approx(deviance / 2)


def test_uncertainty_weighs_as_in_kendall_gal_and_cipolla():
    losses, counts = np.array([[0.5, 2.0]]), np.array([[1.0, 2.0]])
    variances = np.array([[0.0, log(4.0)]])

    found = weighed(np, losses, counts, log_variances=variances, weights=None)

    # With sigma 1 and 2: 0.5 / 1 + log 1, and twice 2 / 4 + log 2.
    assert found == pytest.approx([0.5 + 2 * 2.0 / 4 + log(2.0)])
    fixed = weighed(np, losses, counts, log_variances=variances, weights=(3.0, 0.25))
    assert fixed == pytest.approx([3 * 0.5 + 0.25 * 2 * 2.0])


def test_the_best_variance_is_twice_the_loss():
    losses, counts = np.array([[0.3]]), np.ones((1, 1))

    def at(s):
        return weighed(np, losses, counts, log_variances=np.array([[s]]), weights=None)[0]

    assert at(log(0.6)) < min(at(log(0.6) - 0.1), at(log(0.6) + 0.1))
    assert at(log(0.6)) == pytest.approx(0.3 * exp(-log(0.6)) + log(sqrt(0.6)))


@given(st.data())
def test_what_is_unknown_counts_for_nothing(data):
    def table(strategy):
        rows = st.tuples(strategy, strategy)
        return np.array(data.draw(st.lists(rows, min_size=4, max_size=4)), dtype=float)

    said, known = table(st.floats(-20, 20)), table(st.booleans())
    truth, other = table(st.floats(0, 1)), table(st.floats(0, 1))

    def loss(values):
        losses = task_losses(np, values, said, amounts=AMOUNTS)
        none = np.zeros_like(losses)
        return weighed(np, losses, known, log_variances=none, weights=None)

    assert np.array_equal(loss(truth), loss(np.where(known > 0, truth, other)))
    assert np.isfinite(loss(truth)).all()
    assert (loss(truth) >= 0).all()
