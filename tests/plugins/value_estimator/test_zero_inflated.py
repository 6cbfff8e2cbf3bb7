"""The network's mean is the mean: the total comes out right, though it learns logarithms."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.scorers import no_progress
from plugins.value_estimator.zero_inflated import NetworkConfig, ZeroInflated


@pytest.fixture(scope="module")
def trained():
    """Half spend nothing; of the others the logarithm spreads by 1.2 around what a feature says."""
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"pace": rng.lognormal(0, 1, 8000), "noise": rng.lognormal(0, 1, 8000)})
    some = rng.random(len(frame)) < 1 / (1 + np.exp(-np.log(frame["pace"])))
    spent = np.where(some, rng.lognormal(3.0 + 0.5 * np.log(frame["pace"]), 1.2), 0.0)
    network = ZeroInflated.fit(
        frame[:4000],
        spent[:4000],
        config=NetworkConfig(hidden=(16,), epochs=12, learning_rate=1e-2, dropout=0.0),
        seed=3,
        progress=no_progress,
    )
    return network, frame[4000:], spent[4000:]


def test_the_total_is_right_where_the_exponential_of_the_mean_would_be_half_of_it(trained):
    network, frame, spent = trained

    assert network.predict(frame).sum() == pytest.approx(spent.sum(), rel=0.12)
    assert np.exp(-(1.2**2) / 2) < 0.5  # What would be left of it.


def test_who_spends_more_is_expected_to(trained):
    network, frame, spent = trained
    expected = network.predict(frame)

    fast = (frame["pace"] > frame["pace"].median()).to_numpy()

    ratio = expected[fast].sum() / expected[~fast].sum()
    assert ratio == pytest.approx(spent[fast].sum() / spent[~fast].sum(), rel=0.3)
    assert (expected >= 0).all()


def test_an_absurd_customer_gets_a_finite_expectation(trained):
    network, _, spent = trained

    found = network.predict(pd.DataFrame({"pace": [1e12, np.nan, 0.0], "noise": [1e12, 0.0, -5.0]}))

    assert np.isfinite(found).all()
    assert found.max() < 1000 * spent.mean()
