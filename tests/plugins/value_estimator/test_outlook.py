"""What the parametric models alone say, of customers who do as the models assume."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.fitting import log_odds
from lifecycle_engine.sdk.testing.scorers import check_scorer
from lifecycle_engine.sdk.testing.tables import MemoryTables
from plugins.value_estimator.bgnbd import BgNbd
from plugins.value_estimator.outlook import Recency
from plugins.value_estimator.parametric import orders_value_correlation
from plugins.value_estimator.scorers import Alive, Earliest, Expected, Latest, Spend90d, Spend365d
from tests.plugins.value_estimator.test_bgnbd import simulated

TRUTH = BgNbd(r=1.2, alpha=15.0, a=0.6, b=4.0)
CUTOFF = datetime(2020, 6, 1, tzinfo=UTC)
QUARTER = 90.0


@pytest.fixture(scope="module")
def customers():
    """Features of 20,000 customers, and after how many days they ordered again, if they did."""
    rng = np.random.default_rng(11)
    history = simulated(TRUTH, 20_000, 500.0, rng)
    rate = rng.gamma(TRUTH.r + history.repeats, 1.0 / (TRUTH.alpha + history.age))
    there = rng.random(len(rate)) < TRUTH.alive(history)
    next_order = np.where(there, rng.exponential(1.0 / rate), np.inf)
    orders, basket = history.repeats + 1.0, rng.gamma(4.0, 5.0, len(rate))
    frame = pd.DataFrame(
        {
            "recency_days": history.age - history.last,
            "tenure_days": history.age,
            "orders_total": orders,
            "revenue_total": orders * basket,
            "revenue_90d": 0.0,
            "gap_days_mean": np.where(
                orders > 1, history.last / np.maximum(history.repeats, 1.0), np.nan
            ),
        },
        index=pd.MultiIndex.from_product(
            [[CUTOFF], range(len(rate))], names=["cutoff", "customer_id"]
        ),
    )
    return frame, next_order


def fitted(scorer_class, customers):
    frame, next_order = customers
    target = pd.Series(
        (next_order < QUARTER) * 1.0 if scorer_class is Alive else np.minimum(next_order, QUARTER),
        index=frame.index,
    )
    scorer = scorer_class()
    rows = frame[list(scorer_class.feature_names())]
    scorer.fit(rows, target, validation=None, rng=np.random.default_rng(1))
    return scorer, rows


@pytest.mark.parametrize("scorer_class", [Spend90d, Spend365d, Alive, Earliest, Expected, Latest])
def test_the_scorers_conform(scorer_class):
    check_scorer(scorer_class, rows=60)


@pytest.mark.parametrize("scorer_class", [Spend90d, Alive, Expected])
def test_reasons_add_up_and_are_told_beside_the_median_customer(scorer_class, customers):
    scorer, frame = fitted(scorer_class, customers)
    restored = scorer_class()
    restored.restore(scorer.state())
    some = frame[:200].droplevel("cutoff")
    median = pd.DataFrame([frame.median()])

    found = restored.explain(some)

    said = scorer.predict(some).to_numpy()
    expected = log_odds(said) if scorer_class is Alive else said
    assert found.totals().to_numpy() == pytest.approx(expected, abs=1e-6)
    assert np.abs(restored.explain(median).values.to_numpy()).max() == pytest.approx(0.0, abs=1e-9)


def test_whether_somebody_is_there_is_judged_by_who_orders(customers):
    scorer, frame = fitted(Alive, customers)
    ordered = customers[1] < QUARTER

    alive, judged = scorer.predict(frame), scorer.judged(frame)

    assert scorer.is_judged_apart()
    assert (judged <= alive + 1e-12).all()
    assert judged.mean() == pytest.approx(ordered.mean(), abs=0.01)
    top = (judged >= judged.quantile(0.9)).to_numpy()
    assert judged[top].mean() == pytest.approx(ordered[top].mean(), abs=0.02)
    assert scorer.report()["newest_outcomes"]["actual_mean"] == pytest.approx(ordered.mean())
    assert "order within 90 days" in scorer.report()["judged_by"]


def test_a_year_is_published_and_a_quarter_is_judged(customers):
    (scorer, frame), (short, _) = fitted(Spend365d, customers), fitted(Spend90d, customers)

    year, quarter = scorer.predict(frame), scorer.judged(frame)

    assert 1.5 < year.sum() / quarter.sum() < 8
    assert (year >= quarter).all()
    assert np.array_equal(quarter, short.predict(frame))
    assert scorer.is_judged_apart()
    assert not short.is_judged_apart()
    assert scorer.horizon_days == 90
    assert "365 days is not judged" in scorer.report()["judged_by"]


def test_a_quarter_is_half_habit_and_half_what_was_spent_lately(customers):
    scorer, frame = fitted(Spend90d, customers)
    habit = scorer.models.spend(frame, 90.0)

    found = scorer.predict(frame.assign(revenue_90d=100.0))

    assert found.to_numpy() == pytest.approx(habit / 2 + 50.0)
    assert (scorer.baseline(frame.assign(revenue_90d=-20.0)) == 0.0).all()
    assert scorer.algorithm == "BG/NBD with Gamma-Gamma, recent spend"


def test_the_card_shows_whether_who_orders_often_fills_smaller_baskets(customers):
    frame = customers[0]
    smaller = frame.assign(revenue_total=100.0)  # Ten orders of 10, twenty of 5.

    independent = fitted(Spend90d, customers)[0].report()["newest_outcomes"]

    assert independent["orders_value_correlation"] == pytest.approx(0.0, abs=0.03)
    assert orders_value_correlation(smaller) == pytest.approx(-1.0)
    assert orders_value_correlation(frame.assign(orders_total=1.0)) == 0.0


def test_the_interval_of_the_next_order_holds_as_many_as_it_promises(customers):
    scorer, frame = fitted(Expected, customers)
    (low, _), (high, _) = fitted(Earliest, customers), fitted(Latest, customers)

    ends = [each.predict(frame).to_numpy() for each in (low, scorer, high)]
    newest = scorer.report()["newest_outcomes"]

    assert (ends[0] <= ends[1]).all()
    assert (ends[1] <= ends[2]).all()
    assert (ends[2] <= 90.0).all()
    assert newest["interval_promised"] == pytest.approx(0.8)
    assert newest["interval_covered"] == pytest.approx(0.8, abs=0.02)
    assert newest["interval_open"] == pytest.approx((ends[2] == 90.0).mean())
    assert newest["ordered_by_expected_day"] == pytest.approx(0.5, abs=0.02)
    assert (low.judged(frame) == scorer.predict(frame)).all()


def test_days_until_the_next_order_are_counted_from_the_moment_on():
    at = [CUTOFF + timedelta(days=days) for days in (3.5, 12, 40)]
    ids = [1, 1, 2]
    tables = MemoryTables(
        as_of=CUTOFF + timedelta(days=90),
        orders=[
            {"customer_id": customer_id, "occurred_at": when}
            for customer_id, when in zip(ids, at, strict=True)
        ],
    )

    found = tables.execute(Expected().outcome(tables).order_by("customer_id")).to_pydict()

    assert found == {"customer_id": [1, 2], "target": [3.5, 40.0]}
    assert Expected.outcome_missing == Expected.horizon_days


def test_recency_of_customers_who_all_order_again_is_certain():
    frame = pd.DataFrame({"recency_days": [1.0, 50.0, np.nan]})

    assert Recency.fit(frame, np.ones(3)).probability(frame) == pytest.approx(np.ones(3))
    assert Recency.fit(frame, np.zeros(3)).probability(frame) == pytest.approx(np.zeros(3))
    often = Recency.fit(frame, np.array([1.0, 0.0, 1.0])).probability(frame)
    assert often[1] < often[0]
