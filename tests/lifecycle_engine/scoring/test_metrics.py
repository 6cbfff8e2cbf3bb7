"""Metrics against values worked out by hand, and ties that must not help."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.scoring.metrics import (
    area_under_curve,
    average_precision,
    brier_score,
    comparisons,
    mean_absolute_error,
    ranking_comparisons,
    ranking_gains,
    top_decile_share,
)
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
    np.testing.assert_allclose(found, expected, rtol=1e-12)


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

    assert list(found) == ["average_precision", "auc", "brier"]
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

    assert {name: (m.difference, m.low, m.high, m.better) for name, m in found.items()} == {
        "mae": (0.0, 0.0, 0.0, False),
        "top_decile_share": (0.0, 0.0, 0.0, False),
    }


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
