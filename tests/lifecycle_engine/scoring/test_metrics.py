"""Metrics against values worked out by hand, and ties that must not help."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.scoring.metrics import (
    comparisons,
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

    assert top_decile_share(target, score) == 0.5


def test_a_score_that_tells_nobody_apart_gets_the_worst_decile():
    target = np.array([91.0, *[1.0] * 9])

    assert top_decile_share(target, np.zeros(10)) == 0.01


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
