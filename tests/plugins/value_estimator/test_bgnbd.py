"""BG/NBD reproduces what was published, and keeps what follows from its assumptions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln

from plugins.value_estimator.bgnbd import BgNbd, History
from tests.plugins.value_estimator import cdnow

PUBLISHED = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
#: From nobody who leaves to nearly everybody, from one rate for all to very different ones.
MODELS = st.builds(
    BgNbd,
    r=st.floats(0.05, 20.0),
    alpha=st.floats(0.1, 200.0),
    a=st.floats(0.01, 5.0) | st.floats(5.0, 1000.0),
    b=st.floats(0.05, 20.0) | st.floats(20.0, 1000.0),
)


@st.composite
def customers(draw):
    """One customer who can be."""
    repeats = draw(st.integers(0, 400))
    age = draw(st.floats(0.5, 2000.0))
    share = draw(st.floats(0.01, 1.0)) if repeats else 0.0
    return History(*(np.array([float(value)]) for value in (repeats, age * share, age)))


def simulated(model: BgNbd, count: int, longest: float, rng: np.random.Generator) -> History:
    """Customers who do as the model says, followed order by order."""
    rate = rng.gamma(model.r, 1.0 / model.alpha, count)
    leaving = rng.beta(model.a, model.b, count)
    age = rng.uniform(longest / 4, longest, count)
    now, last, repeats = np.zeros((3, count))
    there = np.arange(count)
    while len(there):
        now[there] += rng.exponential(1.0 / rate[there])
        there = there[now[there] <= age[there]]
        repeats[there] += 1
        last[there] = now[there]
        there = there[rng.random(len(there)) >= leaving[there]]
    return History(repeats, last, age)


@pytest.fixture(scope="module")
def sample():
    return cdnow.days_with_orders()


def test_reproduces_the_published_estimates(sample):
    history = cdnow.history(sample)

    found = BgNbd.fit(history)

    assert len(history.age) == 2357
    assert tuple(found.as_json().values()) == pytest.approx(
        (0.243, 4.414, 0.793, 2.426), abs=5.01e-4
    )
    assert found.log_likelihood(history) == pytest.approx(-9582.4, abs=0.05)


def test_reproduces_the_published_forecast(sample):
    """Weeks 40 to 78: correlation and error are those of an independent implementation."""
    history = cdnow.history(sample)
    later = sample[sample["day"] > cdnow.FITTED_UNTIL]
    actual = later.groupby("customer").size().reindex(range(1, 2358), fill_value=0).to_numpy()

    expected = BgNbd.fit(history).orders(history, cdnow.WEEKS_AFTER)

    assert actual.sum() == 1882
    assert expected.sum() == pytest.approx(1653, abs=0.5)
    assert np.corrcoef(actual, expected)[0, 1] == pytest.approx(0.6256, abs=5e-5)
    assert np.abs(actual - expected).mean() == pytest.approx(0.7855, abs=5e-5)


def test_recovers_the_parameters_of_simulated_customers():
    truth = BgNbd(r=0.8, alpha=20.0, a=1.2, b=6.0)
    history = simulated(truth, 60_000, 365.0, np.random.default_rng(1))

    found = BgNbd.fit(history)

    assert tuple(found.as_json().values()) == pytest.approx((0.8, 20.0, 1.2, 6.0), rel=0.06)


def test_what_is_expected_of_simulated_customers_comes_true():
    """Two samples of the same customers' lives: known until a day, and 60 days on."""
    truth = BgNbd(r=0.8, alpha=20.0, a=1.2, b=6.0)
    rng = np.random.default_rng(2)
    known = simulated(truth, 40_000, 300.0, rng)
    rate = rng.gamma(truth.r + known.repeats, 1.0 / (truth.alpha + known.age))
    there = np.flatnonzero(rng.random(len(rate)) < truth.alive(known))
    leaving = rng.beta(truth.a, truth.b + known.repeats)
    now, orders, first = np.zeros_like(rate), np.zeros_like(rate), np.full_like(rate, np.inf)
    while len(there):
        now[there] += rng.exponential(1.0 / rate[there])
        there = there[now[there] <= 60.0]
        first[there] = np.minimum(first[there], now[there])
        orders[there] += 1
        there = there[rng.random(len(there)) >= leaving[there]]

    expected, active = truth.orders(known, 60.0), truth.active(known, 60.0)
    median = truth.next_order(known, 0.5)

    assert expected.mean() == pytest.approx(orders.mean(), rel=0.03)
    assert active.mean() == pytest.approx((orders > 0).mean(), rel=0.03)
    soon = median < 60.0
    assert (first[soon] <= median[soon]).mean() == pytest.approx(0.5, abs=0.015)


def test_a_long_unit_of_time_changes_no_forecast(sample):
    weeks = cdnow.history(sample)
    seconds = History(weeks.repeats, weeks.last * 604_800, weeks.age * 604_800)

    found = BgNbd.fit(seconds).orders(seconds, 39 * 604_800)

    assert found == pytest.approx(BgNbd.fit(weeks).orders(weeks, 39.0), rel=1e-3)


def test_data_in_which_nobody_leaves_has_finite_parameters():
    age = np.full(500, 100.0)
    history = History(np.full(500, 50.0), age, age)

    found = BgNbd.fit(history)

    assert np.isfinite(list(found.as_json().values())).all()
    assert found.orders(history, 10.0) == pytest.approx(np.full(500, 5.0), rel=0.05)


@given(MODELS, customers())
@settings(max_examples=100, deadline=None)
def test_the_gradient_is_that_of_finite_differences(model, history):
    values = np.array(list(model.as_json().values()))
    steps = np.diag(values * 1e-5)

    differences = [
        (
            BgNbd(*(values + step)).log_likelihood(history)
            - BgNbd(*(values - step)).log_likelihood(history)
        )
        / (2 * step.sum())
        for step in steps
    ]

    assert model.gradient(history) == pytest.approx(differences, rel=1e-3, abs=1e-4)


@given(MODELS, customers(), st.floats(0.1, 500.0))
@settings(max_examples=100, deadline=None)
def test_a_longer_silence_makes_it_less_likely_that_somebody_is_there(model, history, longer):
    later = History(history.repeats, history.last, history.age + longer)

    now, then = model.alive(history)[0], model.alive(later)[0]

    assert 0.0 <= then <= now <= 1.0
    assert (now == 1.0) if history.repeats[0] == 0 else (then < now or now == 0.0)


@given(MODELS, customers(), st.floats(0.1, 400.0), st.floats(0.1, 400.0))
@settings(max_examples=100, deadline=None)
def test_more_orders_are_expected_of_more_time(model, history, horizon, longer):
    less, more = (model.orders(history, time)[0] for time in (horizon, horizon + longer))
    active, still = (model.active(history, time)[0] for time in (horizon, horizon + longer))

    assert 0.0 <= less <= more * (1 + 1e-9)
    assert 0.0 <= active <= still <= model.alive(history)[0] + 1e-12
    assert active <= less * (1 + 1e-6) + 1e-9  # One order takes one who orders.


@given(MODELS, customers(), st.floats(0.1, 800.0))
@settings(max_examples=50, deadline=None)
def test_expected_orders_are_the_integral_that_they_stand_for(model, history, horizon):
    """Over the probability to leave: (1 - (1 + p t / (alpha + T))^-(r + x)) / p, if still there."""
    first, second = model.a, model.b + history.repeats[0]
    waited, shape = model.alpha + history.age[0], model.r + history.repeats[0]

    # Over the log-odds of p, where the integrand dies away smoothly on both sides.
    log_odds = np.arange(-40.0 / min(first, 1.0), 40.0 / min(second, 1.0), 0.05)
    log_p = -np.logaddexp(0.0, -log_odds)
    log_density = first * log_p - second * np.logaddexp(0.0, log_odds) - betaln(first, second)
    leaving = np.exp(np.maximum(log_p, -600.0))
    orders = -np.expm1(-shape * np.log1p(leaving * horizon / waited)) / leaving
    while_there = 0.05 * (np.exp(log_density) * orders).sum()

    assert model.orders(history, horizon)[0] == pytest.approx(
        model.alive(history)[0] * while_there, rel=1e-5, abs=1e-9
    )


def test_where_no_series_gives_a_number_the_integral_is_computed():
    """Thirty orders in one moment, of customers who all leave with the same probability."""
    model = BgNbd(r=0.53, alpha=0.0079, a=42.75, b=1096.6)
    history = History(np.array([31.0, 5.0]), np.zeros(2), np.array([0.0, 30.0]))

    found = model.orders(history, 30.0)

    # All of them leave in the end: 1 / p orders if the rate were endless.
    mean_of_inverse = (42.75 + 1096.6 + 31.0 - 1.0) / (42.75 - 1.0)
    assert found[0] == pytest.approx(mean_of_inverse * model.alive(history)[0], rel=1e-3)
    assert found[1] == pytest.approx(
        model.orders(History(*np.array([[5.0], [0.0], [30.0]])), 30.0)[0]
    )


@given(MODELS, customers(), st.floats(0.01, 0.99))
@settings(max_examples=100, deadline=None)
def test_by_the_time_that_a_share_has_ordered_that_share_is_active(model, history, share):
    wait = model.next_order(history, share)[0]

    if np.isinf(wait):
        assert model.alive(history)[0] <= share
    else:
        assert model.active(history, wait)[0] == pytest.approx(share, rel=1e-6)


@pytest.mark.parametrize("a", [1.0, 1.0 + 1e-9, 1.0 - 1e-9])
def test_no_formula_divides_nothing_by_nothing(a):
    history = History(np.array([0.0, 3.0]), np.array([0.0, 20.0]), np.array([30.0, 30.0]))
    near = BgNbd(0.5, 5.0, a + 1e-4, 2.0).orders(history, 30.0)

    assert BgNbd(0.5, 5.0, a, 2.0).orders(history, 30.0) == pytest.approx(near, rel=1e-3)
    assert np.isfinite(BgNbd(0.5, 5.0, 0.4, 0.6).orders(history, 30.0)).all()
