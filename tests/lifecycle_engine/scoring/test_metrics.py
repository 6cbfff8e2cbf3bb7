"""Metrics against values worked out by hand, and ties that must not help."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.scoring import measures, metrics
from lifecycle_engine.scoring.measures import (
    area_under_curve,
    average_precision,
    brier_score,
    log_loss,
    mean_absolute_error,
    root_mean_squared_error,
    spearman,
    threshold_for,
    top_decile_share,
    total_ratio,
)
from lifecycle_engine.scoring.metrics import comparisons, ranking_comparisons, ranking_gains
from lifecycle_engine.sdk.scorers import Amount, Probability


def ranking(rows: list[tuple[int, int, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "rank", "sku", "score"])


def test_the_top_decile_holds_its_share():
    target = np.array([50.0, 20.0, *[3.75] * 8])
    score = np.array([10.0, 9.0, *range(8)])

    assert top_decile_share(target, score)(np.ones((1, 10))).tolist() == [0.5]


def test_a_score_that_tells_nobody_apart_gets_the_worst_decile():
    target = np.array([91.0, *[1.0] * 9])

    assert top_decile_share(target, np.zeros(10))(np.ones((1, 10))).tolist() == [0.01]


def test_a_decile_counts_each_row_as_often_as_it_was_drawn():
    target = np.array([8.0, 4.0, 2.0, *[1.0] * 17])
    score = -np.arange(20.0)
    drawn = np.array([[1.0, 3.0, 0.0, *[1.0] * 16, 0.0]])

    # Two of twenty: the best row once and the second one once more of its three times.
    assert top_decile_share(target, score)(drawn).tolist() == [12 / (8 + 3 * 4 + 16)]


REFERENCES = {
    area_under_curve: sklearn.metrics.roc_auc_score,
    average_precision: sklearn.metrics.average_precision_score,
    brier_score: sklearn.metrics.brier_score_loss,
    mean_absolute_error: sklearn.metrics.mean_absolute_error,
    root_mean_squared_error: sklearn.metrics.root_mean_squared_error,
    log_loss: lambda target, score, sample_weight: sklearn.metrics.log_loss(
        target, np.clip(score, 1e-6, 1 - 1e-6), sample_weight=sample_weight
    ),
}
CALLS = {
    measures.precision: partial(sklearn.metrics.precision_score, zero_division=np.nan),
    measures.recall: partial(sklearn.metrics.recall_score, zero_division=np.nan),
    measures.f1_score: partial(sklearn.metrics.f1_score, zero_division=np.nan),
    measures.accuracy: sklearn.metrics.accuracy_score,
}


@pytest.mark.parametrize("metric", REFERENCES)
@given(
    rows=st.lists(
        # Few scores, so that many are equal; weights of zero are rows that were not drawn.
        st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.7, 1.0]), st.integers(0, 3)),
        min_size=2,
        max_size=40,
    ).filter(lambda rows: {target for target, _, weight in rows if weight} == {True, False})
)
def test_metrics_are_those_of_scikit_learn(metric, rows):
    target, score, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    other = np.roll(weights, 1) + 1

    found = metric(target, score)(np.stack([weights, other]))

    expected = [REFERENCES[metric](target, score, sample_weight=w) for w in (weights, other)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("metric", CALLS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_calls_are_judged_as_by_scikit_learn(metric, share):
    rng = np.random.default_rng(4)
    target, score = (rng.random(60) < 0.3).astype(float), rng.integers(8, size=60) / 8
    weights = rng.integers(3, size=(5, 60)).astype(float)
    called = score >= threshold_for(score, share)

    found = metric(target, score, share=share)(weights)

    expected = [CALLS[metric](target > 0, called, sample_weight=w) for w in weights]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("score", "share", "called"), [([1, 2, 3, 4], 0.25, 1), ([5, 5, 5, 1], 0.25, 3)]
)
def test_a_share_is_called_and_equals_together(score, share, called):
    score = np.array(score, dtype=float)

    assert (score >= threshold_for(score, share)).sum() == called


def test_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(4)
    target, score = rng.integers(5, size=40).astype(float), rng.integers(9, size=40).astype(float)
    weights = rng.integers(4, size=(6, 40))

    found = spearman(target, score)(weights.astype(float))

    expected = [
        scipy.stats.spearmanr(np.repeat(target, w), np.repeat(score, w)).statistic for w in weights
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert spearman(np.zeros(4), np.arange(4.0))(np.ones((1, 4))).tolist() == [0.0]


def test_totals_are_compared_as_shares():
    target, score = np.array([10.0, 30.0]), np.array([5.0, 15.0])

    assert total_ratio(target, score)(np.ones((1, 2))).tolist() == [0.5]
    assert measures.total_error(target, score)(np.ones((1, 2))).tolist() == [0.5]


def test_the_interval_of_a_share_is_as_wide_as_it_should_be(monkeypatch):
    monkeypatch.setattr(metrics, "RESAMPLES", 200)
    rng = np.random.default_rng(1)
    target = (rng.random(2_000) < 0.3).astype(float)
    found = comparisons(
        Probability(),
        target=target,
        model=np.clip(target * 0.2 + rng.random(2_000) * 0.8, 0, 1),
        baseline=np.full(2_000, 0.3),
        rng=rng,
        share=0.3,
    )["accuracy"]

    spread = 1.96 * np.sqrt(found.model * (1 - found.model) / 2_000)
    assert found.model_low is not None
    assert found.model_high is not None
    # Two hundred resamples tell the ends to about a tenth.
    assert found.model - found.model_low == pytest.approx(spread, rel=0.3)
    assert found.model_high - found.model == pytest.approx(spread, rel=0.3)


def test_what_a_customer_did_in_several_windows_is_drawn_together():
    rng = np.random.default_rng(1)
    customers = rng.permutation(np.repeat(np.arange(50), 4))
    target = (rng.random(200) < 0.1).astype(float)

    weights = np.concatenate([*metrics.resamples(target, rng, customers=customers)])

    assert weights.shape == (metrics.RESAMPLES, 200)
    by_customer = weights[:, np.argsort(customers, kind="stable")].reshape(len(weights), 50, 4)
    assert (by_customer == by_customer[:, :, :1]).all()
    assert (by_customer[:, :, 0].sum(axis=1) == 50).all()
    # Whoever did it at some time is drawn among those who did, so that it is never nobody.
    ever = np.isin(np.arange(50), customers[target > 0])
    assert (by_customer[:, ever, 0].sum(axis=1) == ever.sum()).all()


def test_rows_of_one_customer_each_are_drawn_as_without_saying_whose_they_are():
    target = np.array([0.0, 1.0] * 20)
    with_them, without = (
        np.concatenate([*metrics.resamples(target, np.random.default_rng(7), customers=whose)])
        for whose in (np.arange(100, 140), None)
    )
    assert (with_them == without).all()


def test_copies_of_the_same_customers_make_no_interval_narrower(monkeypatch):
    monkeypatch.setattr(metrics, "RESAMPLES", 400)
    rng = np.random.default_rng(1)
    target = (rng.random(300) < 0.3).astype(float)
    said = {"target": target, "model": target * 0.2 + rng.random(300) * 0.8}

    def width(times, customers):
        given = {name: np.tile(values, times) for name, values in said.items()}
        found = comparisons(
            Probability(),
            **given,
            baseline=np.full(300 * times, 0.3),
            rng=np.random.default_rng(2),
            customers=customers,
        )["auc"]
        return found.high - found.low

    once, held = width(1, None), width(4, np.tile(np.arange(300), 4))
    assert held == pytest.approx(once, rel=0.15)
    # What it would be if the copies counted as customers of their own.
    assert width(4, None) == pytest.approx(once / 2, rel=0.2)


def test_a_perfect_model_beats_a_constant_one_with_certainty():
    rng = np.random.default_rng(0)
    target = (rng.random(500) < 0.2).astype(float)

    found = comparisons(
        Probability(),
        target=target,
        model=target * 0.98 + 0.01,
        baseline=np.full(500, 0.2),
        rng=rng,
    )

    assert list(found) == ["average_precision", "auc", "brier", "log_loss"]
    assert found["auc"].model == 1.0
    assert found["auc"].baseline == 0.5
    assert found["auc"].low == found["auc"].high == 0.5
    assert found["brier"].model == pytest.approx(0.0001)
    assert found["brier"].high < 0
    assert all(metric.better for metric in found.values())


def test_a_model_that_is_its_baseline_is_not_better():
    rng = np.random.default_rng(0)
    target = rng.lognormal(size=200)
    same = rng.lognormal(size=200)

    found = comparisons(Amount("money"), target=target, model=same, baseline=same, rng=rng)

    nothing = (0.0, 0.0, 0.0, False)
    assert {(m.difference, m.low, m.high, m.better) for m in found.values()} == {nothing}


def test_gains_of_rankings():
    bought = {1: {"a", "b"}, 2: {"x"}, 3: {"a"}}
    rows = [
        (1, 1, "a", 3.0),
        (1, 2, "z", 2.0),
        (1, 3, "b", 1.0),
        (2, 1, "a", 3.0),
        (2, 2, "b", 2.0),
    ]

    gains = ranking_gains(bought=bought, ranking=ranking(rows), k=3)

    ideal = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(gains, [[1, (1 + 1 / 2) / ideal], [0, 0], [0, 0]])


def test_ties_are_broken_against_the_model():
    tied = ranking([(1, 1, "a", 1.0), (1, 2, "y", 1.0), (1, 3, "z", 1.0)])

    assert ranking_gains(bought={1: {"a"}}, ranking=tied, k=2).tolist() == [[0, 0]]
    np.testing.assert_allclose(
        ranking_gains(bought={1: {"a"}}, ranking=tied, k=3), [[1, 1 / np.log2(4)]]
    )


def test_rankings_are_compared_on_the_same_customers():
    bought = {customer: {"a"} for customer in range(40)}
    model = ranking([(customer, 1, "a", 1.0) for customer in range(40)])
    popular = ranking([(customer, 1, "b", 1.0) for customer in range(40)])

    found = ranking_comparisons(
        bought=bought, model=model, baseline=popular, k=10, rng=np.random.default_rng(0)
    )

    assert {name: (m.model, m.baseline, m.low) for name, m in found.items()} == {
        "ndcg_at_10": (1.0, 0.0, 1.0),
        "hit_rate_at_10": (1.0, 0.0, 1.0),
    }


def test_a_ranking_has_an_interval_of_its_own_and_one_beside_the_baseline(monkeypatch):
    """Of 400 who bought, every second was shown what they bought, by the baseline every fourth."""
    monkeypatch.setattr(metrics, "RESAMPLES", 400)
    bought = {customer: {"a"} for customer in range(400)}
    shown, less = (
        ranking([(customer, 1, "ab"[customer % each > 0], 1.0) for customer in range(400)])
        for each in (2, 4)
    )

    found = ranking_comparisons(
        bought=bought, model=shown, baseline=less, k=10, rng=np.random.default_rng(0)
    )["hit_rate_at_10"]

    assert (found.model, found.baseline, found.difference) == (0.5, 0.25, 0.25)
    # Of a share of n: 1.96 √(p (1 − p) / n), and here the difference is a share, too.
    assert (found.model_low, found.model_high) == pytest.approx((0.451, 0.549), abs=0.012)
    assert (found.low, found.high) == pytest.approx((0.208, 0.292), abs=0.012)
