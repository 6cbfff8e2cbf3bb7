"""Gamma-Gamma reproduces what was published, and draws customers to the mean of all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.value_estimator.gamma_gamma import GammaGamma
from tests.plugins.value_estimator import cdnow

MODELS = st.builds(
    GammaGamma, p=st.floats(0.2, 30.0), q=st.floats(1.1, 20.0), gamma=st.floats(0.1, 500.0)
)
ORDERS = st.integers(1, 300).map(lambda count: np.array([float(count)]))
MEANS = st.floats(0.01, 1e5).map(lambda mean: np.array([mean]))


def test_reproduces_the_published_estimates():
    """The 946 customers with repeat orders, of which alone the published model is."""
    days = cdnow.days_with_orders()
    known = days[days["day"] <= cdnow.FITTED_UNTIL]
    repeats = known[known.groupby("customer").cumcount() > 0].groupby("customer")["value"]
    orders, mean = repeats.size().to_numpy(np.float64), repeats.mean().to_numpy()

    found = GammaGamma.fit(orders, mean)

    assert len(orders) == 946
    assert (found.p, found.q, found.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=0.011)
    assert found.log_likelihood(orders, mean) == pytest.approx(-4055.92, abs=0.1)


def test_recovers_the_parameters_of_simulated_customers():
    truth, rng = GammaGamma(p=6.0, q=4.0, gamma=15.0), np.random.default_rng(3)
    orders = rng.integers(1, 30, 60_000).astype(np.float64)
    rate = rng.gamma(truth.q, 1.0 / truth.gamma, len(orders))
    mean = rng.gamma(truth.p * orders, 1.0 / (rate * orders))

    found = GammaGamma.fit(orders, mean)

    # p and gamma go up and down together: their product, the scale of money, is known best.
    assert (found.p, found.q, found.gamma) == pytest.approx((6.0, 4.0, 15.0), rel=0.07)
    assert found.p * found.gamma == pytest.approx(90.0, rel=0.01)
    assert found.log_likelihood(orders, mean) >= truth.log_likelihood(orders, mean)
    assert found.order_value(orders, mean).mean() == pytest.approx(30.0, rel=0.02)


def test_equal_orders_have_finite_parameters():
    orders, mean = np.full(50, 3.0), np.full(50, 20.0)

    found = GammaGamma.fit(orders, mean)

    assert found.order_value(orders, mean) == pytest.approx(mean, rel=0.01)


def test_another_currency_changes_nothing():
    rng = np.random.default_rng(4)
    orders, mean = rng.integers(1, 9, 500).astype(np.float64), rng.lognormal(3, 1, 500)

    dear = GammaGamma.fit(orders, mean * 1000).order_value(orders, mean * 1000)

    assert dear == pytest.approx(1000 * GammaGamma.fit(orders, mean).order_value(orders, mean))


@given(MODELS, ORDERS, MEANS)
@settings(max_examples=100, deadline=None)
def test_the_gradient_is_that_of_finite_differences(model, orders, mean):
    values = np.array([model.p, model.q, model.gamma])

    differences = [
        (
            GammaGamma(*(values + step)).log_likelihood(orders, mean)
            - GammaGamma(*(values - step)).log_likelihood(orders, mean)
        )
        / (2 * step.sum())
        for step in np.diag(values * 1e-5)
    ]

    assert model.gradient(orders, mean) == pytest.approx(differences, rel=1e-3, abs=1e-3)


@given(MODELS, ORDERS, MEANS)
@settings(max_examples=100, deadline=None)
def test_the_expected_order_is_between_the_customers_mean_and_everybodys(model, orders, mean):
    everybody = model.p * model.gamma / (model.q - 1.0)

    found = model.order_value(orders, mean)[0]

    low, high = sorted([everybody, mean[0]])
    assert low * (1 - 1e-9) <= found <= high * (1 + 1e-9)
    assert model.order_value(np.zeros(1), np.zeros(1))[0] == pytest.approx(everybody)
