"""The network's mean is the mean: the total comes out right, though it learns logarithms."""

import numpy as np
import pandas as pd
import pytest

from plugins.value_estimator.candidates import SpendConfig
from plugins.value_estimator.scorers import Spend30d
from plugins.value_estimator.zero_inflated import NetworkConfig

CONFIG = SpendConfig(
    candidates=("network",),
    network=NetworkConfig(hidden=(16,), epochs=12, learning_rate=1e-2, dropout=0.0),
)
ROWS = 4000


@pytest.fixture(scope="module")
def trained():
    """Half spend nothing; of the others the logarithm spreads by 1.2 around what a feature says.

    Once for all tests: each training of Keras takes seconds.
    """
    rng = np.random.default_rng(9)
    names = list(Spend30d.feature_names())
    index = pd.MultiIndex.from_product([[0, 1], range(ROWS)], names=["cutoff", "customer_id"])
    frame = pd.DataFrame(1.0, index=index, columns=names)
    pace = frame["revenue_30d"] = rng.lognormal(0.0, 1.0, len(index))
    frame["orders_30d"] = rng.lognormal(0.0, 1.0, len(index))
    some = rng.random(len(index)) < 1 / (1 + np.exp(-np.log(pace)))
    spent = pd.Series(np.where(some, rng.lognormal(3.0 + 0.5 * np.log(pace), 1.2), 0.0), index)
    scorer = Spend30d(CONFIG)
    scorer.fit(frame[:ROWS], spent[:ROWS], validation=None, rng=rng)
    return scorer, frame[ROWS:], spent[ROWS:]


def test_the_total_is_right_where_the_exponential_of_the_mean_would_be_half_of_it(trained):
    scorer, frame, spent = trained

    assert scorer.algorithm == "Zero-inflated log-normal network"
    assert scorer.predict(frame).sum() == pytest.approx(spent.sum(), rel=0.15)
    assert np.exp(-(1.2**2) / 2) < 0.5  # What would be left of it.


def test_who_spends_more_is_expected_to(trained):
    scorer, frame, spent = trained
    expected = scorer.predict(frame)

    fast = frame["revenue_30d"] > frame["revenue_30d"].median()

    ratio = expected[fast].sum() / expected[~fast].sum()
    assert ratio == pytest.approx(spent[fast].sum() / spent[~fast].sum(), rel=0.3)
    assert (expected >= 0).all()


def test_an_absurd_customer_gets_a_finite_expectation(trained):
    scorer, frame, spent = trained
    absurd = frame[:3].copy()
    absurd["revenue_30d"], absurd["orders_30d"] = [1e12, np.nan, 0.0], [1e12, 0.0, -5.0]

    found = scorer.predict(absurd)

    assert np.isfinite(found).all()
    assert found.max() < 1000 * spent.mean()


def test_reasons_add_up_to_the_expectation_and_know_what_it_follows(trained):
    scorer, frame, _ = trained
    some = frame[:50]

    found = scorer.explain(some)

    assert found.totals().to_numpy() == pytest.approx(scorer.predict(some), rel=0.01)
    effect = found.values.abs().mean()
    assert effect.idxmax() == "revenue_30d"
    assert effect.drop(["revenue_30d", "orders_30d"]).max() < 1e-9


def test_slopes_are_those_of_the_logarithm_of_the_expectation(trained):
    scorer, _, _ = trained
    network = scorer._models.network
    outputs = np.random.default_rng(2).normal(0, 1.5, (40, 3))

    _, slopes = network._log_mean(outputs)

    for place in range(3):
        step = np.eye(3)[place] * 1e-6
        ends = network._log_mean(outputs + step)[0] - network._log_mean(outputs - step)[0]
        assert slopes[:, place] == pytest.approx(ends / 2e-6, abs=1e-5)


def test_it_survives_storage_and_judges_customers_one_by_one(trained):
    scorer, frame, _ = trained
    expected, restored = scorer.predict(frame), Spend30d(CONFIG)

    restored.restore(scorer.state())

    assert np.array_equal(restored.predict(frame), expected)
    assert restored.predict(frame[:1]).iloc[0] == pytest.approx(expected.iloc[0], rel=1e-4)
    assert len(restored.predict(frame[:0])) == 0
