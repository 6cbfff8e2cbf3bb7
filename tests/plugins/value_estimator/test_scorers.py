"""The value scorers keep the promises of the plugin API, and choose by what comes true."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.scorers import ModelState
from lifecycle_engine.sdk.testing.scorers import check_scorer
from lifecycle_engine.sdk.testing.tables import MemoryTables
from lifecycle_engine.sdk.tuning import SearchConfig
from plugins.value_estimator.candidates import SpendConfig, best, choice_loss, quality
from plugins.value_estimator.scorers import Spend30d
from plugins.value_estimator.spend import spent

CUTOFFS = pd.to_datetime(["2020-05-01", "2020-06-01"], utc=True)


def shop(rng: np.random.Generator, rows: int = 400) -> tuple[pd.DataFrame, "pd.Series[float]"]:
    """Customers who have bought at their own pace for years, at two dates, and go on so."""
    parts, targets = {}, {}
    for cutoff in CUTOFFS:
        per_day, basket = rng.gamma(2.0, 0.05, rows), rng.lognormal(3.0, 0.4, rows)
        age = rng.uniform(200.0, 700.0, rows)
        orders = 1.0 + rng.poisson(per_day * age)
        names = Spend30d.feature_names()
        frame = pd.DataFrame(rng.random((rows, len(names))), columns=list(names))
        frame["tenure_days"], frame["recency_days"] = age, np.minimum(age / orders, age)
        frame["orders_total"], frame["revenue_total"] = orders, orders * basket
        frame["revenue_30d"] = rng.poisson(per_day * 30.0) * basket
        parts[cutoff] = frame
        targets[cutoff] = pd.Series(rng.poisson(per_day * 30.0) * basket)
    frame, target = pd.concat(parts), pd.concat(targets)
    frame.index.names = target.index.names = ["cutoff", "customer_id"]
    return frame, target


def test_spend_conforms():
    check_scorer(Spend30d, config=SpendConfig(trees=10), rows=80)


@pytest.mark.parametrize("candidate", ["boosting", "parametric", "recent"])
def test_one_candidate_alone_conforms(candidate):
    check_scorer(Spend30d, config=SpendConfig(candidates=(candidate,), trees=10), rows=40)


def test_the_candidate_that_comes_nearest_is_chosen_and_kept():
    """These customers do as the parametric models assume, and boosting has few rows to see it."""
    rng = np.random.default_rng(5)
    frame, target = shop(rng)
    later, spent = shop(rng)
    scorer = Spend30d(SpendConfig(trees=10))

    scorer.fit(frame, target, validation=(later, spent), rng=rng)
    report = scorer.report()
    scorer.fit(later, spent, validation=None, rng=rng)

    assert report["chosen"] == "parametric"
    assert report["chosen_by"] == "mae"
    assert set(report["candidates"]) == {"parametric", "recent", "boosting", "blend"}
    errors = {name: figures["mae"] for name, figures in report["candidates"].items()}
    assert min(errors, key=errors.get) == "parametric"
    assert scorer.algorithm == "BG/NBD with Gamma-Gamma"
    assert scorer.predict(later).sum() == pytest.approx(spent.sum(), rel=0.1)
    stored = scorer.state()
    assert (stored.params["chosen"], dict(stored.estimators)) == ("parametric", {})


def test_without_a_window_to_choose_on_the_last_candidate_is_taken():
    rng = np.random.default_rng(6)
    frame, target = shop(rng, rows=100)
    scorer = Spend30d(SpendConfig(trees=10))

    scorer.fit(frame, target, validation=None, rng=rng)

    assert scorer.report()["chosen"] == "blend"
    assert scorer.report()["chosen_by"] == "configuration"
    assert set(scorer.report()["parameters"]) == {"bgnbd", "gamma_gamma"}


def test_customers_who_paid_nothing_are_expected_to_pay_nothing():
    rng = np.random.default_rng(7)
    frame, target = shop(rng, rows=100)
    frame["revenue_total"] = 0.0
    scorer = Spend30d(SpendConfig(candidates=("parametric",)))

    scorer.fit(frame, target, validation=None, rng=rng)

    assert scorer.predict(frame).sum() == 0.0


def test_a_candidate_whose_total_is_a_fraction_of_the_truth_is_not_chosen():
    """The mean of logarithms taken back without their spread is close, and promises too little."""
    target = np.array([0.0, 0.0, 0.0, 10.0, 90.0])
    tried = {
        "boosting": quality(target, np.array([0.0, 0.0, 0.0, 10.0, 40.0])),
        "parametric": quality(target, np.array([20.0, 20.0, 20.0, 20.0, 20.0])),
    }

    assert tried["boosting"]["mae"] < tried["parametric"]["mae"]
    assert tried["boosting"]["total_ratio"] == pytest.approx(0.5)
    assert best(tried, total_tolerance=0.2) == "parametric"
    assert best(tried, total_tolerance=0.6) == "boosting"


def test_quality_of_a_small_example():
    target, expected = np.arange(10.0), np.arange(10.0)[::-1]

    assert quality(target, expected) == pytest.approx(
        {
            "mae": 5.0,
            "rmse": np.sqrt(33.0),
            "total_ratio": 1.0,
            "rank_correlation": -1.0,
            "top_decile_share": 0.0,
        }
    )
    assert quality(target, target)["top_decile_share"] == pytest.approx(9 / 45)
    assert quality(np.zeros(3), np.ones(3))["total_ratio"] == 0.0


def test_the_state_holds_no_model_that_is_not_chosen():
    rng = np.random.default_rng(8)
    frame, target = shop(rng, rows=100)
    scorer = Spend30d(SpendConfig(candidates=("boosting",), trees=10))

    scorer.fit(frame, target, validation=None, rng=rng)
    stored = scorer.state()

    assert isinstance(stored, ModelState)
    assert stored.params == {"chosen": "boosting", "parametric": None}
    assert set(stored.estimators) == {"mean", "median"}


def test_a_search_makes_the_boosting_better_where_choices_are_made_and_says_what_it_was_worth():
    rng = np.random.default_rng(5)
    (frame, target), (later, spent), (newest, truth) = (shop(rng) for _ in range(3))
    config = SpendConfig(candidates=("boosting",), trees=10, search=SearchConfig(trials=4))
    scorer = Spend30d(config)

    scorer.fit(frame, target, validation=(later, spent), rng=rng)
    search = scorer.report()["search"]
    scorer.fit(later, spent, validation=None, rng=rng)
    judged = scorer.report_judged(newest, truth)["search"]["judged"]

    losses = [trial["loss"] for trial in search["trials"]]
    assert (len(losses) + search["failed"], search["metric"]) == (4, "mae")
    assert search["best"] == losses.index(min(losses)) > 0
    assert scorer.report()["candidates"]["boosting"]["mae"] == pytest.approx(min(losses))
    assert judged["found"] == pytest.approx(np.abs(scorer.predict(newest) - truth).mean())
    assert judged["default"] != judged["found"]
    scorer.fit(later, spent, validation=None, rng=rng)
    assert scorer.report_judged(newest, truth) == {}


def test_a_search_takes_no_settings_with_which_no_total_is_right():
    near, off = {"total_ratio": 1.1, "mae": 9.0}, {"total_ratio": 1.5, "mae": 3.0}

    assert choice_loss({"boosting": near, "blend": off}, total_tolerance=0.2) == 9.0
    assert choice_loss({"boosting": off}, total_tolerance=0.2) == float("inf")


def test_who_got_more_back_than_they_paid_spent_nothing():
    at = datetime(2017, 12, 1, tzinfo=UTC)
    rows = [(1, 10.0), (1, -30.0), (2, 5.0), (2, -2.0), (3, None)]
    orders = [
        {"event_id": str(n), "customer_id": who, "occurred_at": at, "value": value}
        for n, (who, value) in enumerate(rows)
    ]
    tables = MemoryTables(as_of=at + timedelta(days=1), orders=orders)
    found = tables.execute(spent(tables)).to_pylist()
    assert {row["customer_id"]: row["target"] for row in found} == {1: 0.0, 2: 3.0, 3: 0.0}
