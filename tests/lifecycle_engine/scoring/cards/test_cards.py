"""The parts of a card against values worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.core.intervals import wilson_interval
from lifecycle_engine.scoring.cards.curves import calibration_curve, gain_curve
from lifecycle_engine.scoring.cards.drift import features_drift, stability_index
from lifecycle_engine.scoring.cards.importance import feature_importance
from lifecycle_engine.scoring.cards.slices import slices, worst
from lifecycle_engine.sdk.scorers import Amount, Probability


def test_the_gain_of_a_perfect_order_and_of_one_that_tells_nobody_apart():
    target = np.array([1.0] * 20 + [0.0] * 80)

    points = gain_curve(
        target=target, model=target, baseline=np.zeros(100), rng=np.random.default_rng(0)
    )

    assert [p.model for p in points if p.share in (0.1, 0.2, 0.5)] == pytest.approx([0.5, 1, 1])
    assert [p.lift for p in points if p.share in (0.1, 0.5)] == pytest.approx([5, 2])
    # Of equals those who hold least come first: no gain before the last twenty.
    assert [p.baseline for p in points if p.share in (0.5, 0.9)] == pytest.approx([0, 0.5])
    assert all(p.low <= p.model <= p.high for p in points)
    assert points[-1].model == points[-1].baseline == 1


def test_calibration_has_groups_of_equal_size_with_wilsons_interval():
    score = np.linspace(0, 1, 100)
    target = (score > 0.5).astype(float)

    points = calibration_curve(Probability(), target=target, score=score)

    assert [point.rows for point in points] == [10] * 10
    assert [point.came_true for point in points] == [0.0] * 5 + [1.0] * 5
    assert (points[0].low, points[0].high) == wilson_interval(0, 10)
    amounts = calibration_curve(Amount("money"), target=target * 100, score=score * 100)
    assert amounts[9].said == pytest.approx(score[90:].mean() * 100)


@pytest.mark.parametrize("output", [Probability(), Amount("money")])
def test_copies_of_the_same_rows_make_no_group_of_a_calibration_surer(output):
    score = np.linspace(0.05, 0.95, 100)
    target = np.random.default_rng(0).binomial(1, score).astype(float)
    rows = np.repeat(np.arange(100), 3)

    alone = calibration_curve(output, target=target, score=score)
    copied = calibration_curve(output, target=target[rows], score=score[rows], customers=rows)

    for one, three in zip(alone, copied, strict=True):
        assert three.rows == 3 * one.rows
        assert (three.low, three.high) == pytest.approx((one.low, one.high))


def test_a_group_of_a_calibration_holds_the_truth_as_often_as_it_says():
    """Of customers who differ in how often it comes true, each in five windows."""
    rng, customers = np.random.default_rng(0), np.repeat(np.arange(100), 5)
    held = {"known": [], "unknown": []}
    for _ in range(100):
        often = rng.beta(0.6, 2.4, (10, 100))
        target = rng.binomial(1, np.repeat(often, 5, axis=1)).ravel().astype(float)
        given = {"target": target, "score": np.repeat(np.arange(10.0), 500)}
        whose = np.concatenate([customers + 100 * group for group in range(10)])
        for name, known in (("known", whose), ("unknown", None)):
            points = calibration_curve(Probability(), **given, customers=known)
            held[name] += [point.low <= 0.2 <= point.high for point in points]

    assert 0.93 < np.mean(held["known"]) < 0.97
    assert np.mean(held["unknown"]) < 0.85


def test_a_feature_that_is_not_used_costs_nothing():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"unused": rng.normal(size=400), "used": rng.normal(size=400)})
    target = (frame["used"] + rng.normal(0, 0.5, 400) > 0).to_numpy(float)
    before = frame.copy()

    found = feature_importance(
        Probability(),
        lambda rows: 1 / (1 + np.exp(-rows["used"].to_numpy())),
        frame=frame,
        target=target,
        rng=rng,
    )

    assert [one["feature"] for one in found] == ["used", "unused"]
    assert found[0]["loss"] > 0.2
    assert found[1]["loss"] == 0
    assert frame.equals(before)


def test_the_stability_index_is_the_textbooks():
    learned = np.repeat(np.arange(10.0), 100)
    newest = np.repeat(np.arange(10.0), [190, *[90] * 9])
    expected = (0.19 - 0.1) * np.log(0.19 / 0.1) + 9 * (0.09 - 0.1) * np.log(0.09 / 0.1)

    # The part for missing values counts as half a customer on both sides.
    assert stability_index(learned, newest) == pytest.approx(expected, rel=1e-3)
    assert stability_index(learned, learned) == 0


def test_drift_sees_what_goes_missing_and_what_has_one_value_only():
    learned = pd.DataFrame({"same": [1.0] * 100, "lost": np.arange(100.0)})
    newest = pd.DataFrame({"same": [1.0] * 50, "lost": [np.nan] * 50})

    found = features_drift(learned=learned, newest=newest)

    assert [one["feature"] for one in found] == ["lost", "same"]
    assert found[0]["psi"] > 5
    assert found[1]["psi"] == pytest.approx(0, abs=0.01)


def test_the_worst_group_is_named_and_a_small_one_is_not_judged():
    rng = np.random.default_rng(0)
    country = np.array(["AT"] * 200 + ["DE"] * 200 + ["LI"] * 5, dtype=object)
    target = np.array([0.0, 1.0] * 200 + [0.0] * 5)
    model = np.where(country == "AT", target, rng.random(405))

    found = slices(
        Probability(),
        {"country": country, "stage": np.full(405, "loyal", dtype=object)},
        target=target,
        model=model,
        baseline=np.full(405, 0.5),
        rng=rng,
        customers=np.arange(405),
    )

    assert [(one["group"], one["rows"]) for one in found] == [("AT", 200), ("DE", 200), ("LI", 5)]
    assert found[0]["model"] == 1
    assert found[1]["low"] < 0.5 < found[1]["high"]
    assert "model" not in found[2]
    assert worst(found) == found[1]
    assert worst(found[:1]) is None
