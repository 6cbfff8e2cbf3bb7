"""How long customers stay: the outcome is churn's own, known hazards are found again."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.testing.scorers import check_scorer
from lifecycle_engine.sdk.testing.tables import MemoryTables
from plugins.churn_predictor.hazard import Hazard, HazardConfig
from plugins.churn_predictor.scorers import ChurnRisk
from plugins.churn_predictor.survival import Active4Weeks, Active13Weeks, Active26Weeks

START = datetime(2026, 1, 1, tzinfo=UTC)


def outcome_of(scorer, histories):
    """The outcome of customers who order so many days after the cut-off date."""
    end = START + timedelta(days=scorer.horizon_days)
    orders = [
        {"event_id": f"{pk}-{day}", "customer_id": pk, "occurred_at": START + timedelta(days=day)}
        for pk, days in histories.items()
        for day in days
    ]
    window = MemoryTables(as_of=end, orders=orders).window(START, end)
    rows = window.execute(scorer.outcome(window)).to_pandas().set_index("customer_id")["target"]
    return rows.reindex(list(histories), fill_value=scorer.outcome_missing)


def test_a_customer_is_active_until_the_last_order_before_a_silence():
    weeks = outcome_of(
        Active4Weeks(),
        {
            1: [],  # Silent at once.
            2: [30.5, 40],  # The same, whatever comes later.
            3: [7],
            4: [14, 43.9, 57],  # No silence: active to the end.
            5: [10, 41],  # 31 days apart.
            6: [29, 57.5],
        },
    )

    assert weeks.tolist() == pytest.approx([0, 0, 1, 4, 10 / 7, 4])
    assert Active4Weeks().truth(weeks).tolist() == [0, 0, 0, 1, 0, 1]


def test_who_stops_at_once_is_who_churns_by_churn_risk():
    rng = np.random.default_rng(3)
    histories = {pk: rng.uniform(0.1, 58, rng.integers(0, 4)).round(2).tolist() for pk in range(99)}
    weeks = outcome_of(Active4Weeks(), histories)
    within = {pk: [day for day in days if day < 30] for pk, days in histories.items()}

    churned = outcome_of(ChurnRisk(), within)

    assert ((weeks == 0) == (churned == 1)).all()


def test_the_window_sees_the_silence_after_the_last_week():
    for scorer, weeks in ((Active4Weeks, 4), (Active13Weeks, 13), (Active26Weeks, 26)):
        assert scorer.horizon_days == 7 * weeks + 30
        assert scorer.opt_in


def lives(rows, rng):
    """Half of the customers stop with a hazard of .02 a week, half with .2; seen for 13 weeks."""
    risky = np.arange(rows) % 2 == 1
    stop = rng.geometric(np.where(risky, 0.2, 0.02)) - 0.5
    return risky, np.where(stop < 13, stop, 13.0)


def test_known_hazards_are_found_again():
    rng = np.random.default_rng(8)
    risky, weeks = lives(2000, rng)
    frame = pd.DataFrame({"risky": risky.astype(float)})
    hazard = Hazard.fit(frame, weeks, most=13, config=HazardConfig(), rng=rng)

    quiet, doomed = hazard.survival(frame[:2], most=13)

    week = np.arange(1, 14)
    assert quiet == pytest.approx(0.98**week, abs=0.05)
    assert doomed == pytest.approx(0.8**week, abs=0.05)
    assert (np.diff(hazard.survival(frame, most=13), axis=1) <= 0).all()


@pytest.fixture(scope="module")
def trained():
    """One of the scorer's features tells the two kinds of customers apart."""
    rng = np.random.default_rng(8)
    names = list(Active13Weeks.feature_names())
    index = pd.MultiIndex.from_product([[START], range(1200)], names=["cutoff", "customer_id"])
    frame = pd.DataFrame(rng.random((1200, len(names))), index, columns=names)
    risky, weeks = lives(1200, rng)
    frame["orders_30d"] = 1.0 - risky
    scorer = Active13Weeks(HazardConfig(trees=20))
    scorer.fit(frame[:800], pd.Series(weeks, index)[:800], validation=None, rng=rng)
    return scorer, frame[800:], pd.Series(weeks, index)[800:]


def test_the_card_has_what_was_said_beside_what_came_true(trained):
    scorer, frame, weeks = trained
    found = scorer.report_judged(frame, weeks)["survival"]

    assert [one["group"] for one in found["groups"]] == ["everybody", "low", "middle", "high"]
    assert found["error"] < found["error_baseline"]
    last = found["groups"][0]["points"][-1]
    assert scorer.predict(frame).to_numpy() == pytest.approx(scorer.curve(frame)[:, -1])
    assert last["week"] == 13
    assert last["came_true"] == pytest.approx((weeks >= 13).mean())
    assert last["low"] < last["came_true"] < last["high"]
    assert found["groups"][1]["points"][-1]["said"] < found["groups"][3]["points"][-1]["said"]


def test_the_baseline_is_a_curve_for_like_recency(trained):
    scorer, frame, weeks = trained

    # Recency says nothing here: all five curves end about where everybody's does.
    assert scorer.baseline(frame).nunique() == 5
    assert scorer.baseline(frame).to_numpy() == pytest.approx((weeks >= 13).mean(), abs=0.15)


def test_more_weeks_of_customers_than_wanted_are_drawn_from(trained):
    _, frame, weeks = trained
    scorer = Active13Weeks(HazardConfig(trees=10, person_weeks_most=1_000))

    scorer.fit(frame, weeks, validation=None, rng=np.random.default_rng(0))

    assert scorer.predict(frame).between(0, 1).all()


def test_active_conforms():
    check_scorer(Active4Weeks, config=HazardConfig(trees=10), rows=40)


def test_reasons_add_up_to_the_log_odds_to_be_there_at_the_end():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"a": rng.normal(size=800), "b": rng.normal(size=800), "c": 1.0})
    weeks = np.minimum(rng.exponential(np.exp(1 + frame["a"] + 0.3 * frame["b"])), 6.0)
    hazard = Hazard.fit(frame, weeks, most=6, config=HazardConfig(trees=20), rng=rng)

    found = hazard.explain(frame[:40], most=6)

    there = hazard.survival(frame[:40], most=6)[:, -1]
    assert found.totals().to_numpy() == pytest.approx(np.log(there / (1 - there)), abs=1e-6)
    assert (found.values["c"] == 0).all()
    assert np.corrcoef(found.values["a"], frame["a"][:40])[0, 1] > 0.8
