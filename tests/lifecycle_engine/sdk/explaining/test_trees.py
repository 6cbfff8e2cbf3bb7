"""Contributions in trees are Shapley values, by an oracle that goes through all subsets."""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)

from lifecycle_engine.sdk.explaining import tree_contributions


def _data(seed, *, rows=300, columns=4, missing=0.15):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, (rows, columns)).astype(float)
    values[rng.random(values.shape) < missing] = np.nan
    filled = np.nan_to_num(values, nan=2.0)
    target = filled[:, 0] * (filled[:, columns // 2] > 2) - filled[:, -1] + rng.normal(0, 0.5, rows)
    frame = pd.DataFrame(values, columns=[f"f{n}" for n in range(columns)])
    return frame, target


def _expected(nodes, row, known, node=0):
    """The tree's answer when only some features are known, one node at a time (algorithm 1)."""
    here = nodes[node]
    if here["is_leaf"]:
        return here["value"]
    left, right = int(here["left"]), int(here["right"])
    if here["feature_idx"] in known:
        value = row[here["feature_idx"]]
        goes_left = (
            here["missing_go_to_left"] if np.isnan(value) else value <= here["num_threshold"]
        )
        return _expected(nodes, row, known, left if goes_left else right)
    share = nodes[left]["count"] / here["count"]
    return share * _expected(nodes, row, known, left) + (1 - share) * _expected(
        nodes, row, known, right
    )


def _shapley(estimator, row, given=frozenset()):
    """By the definition: what a feature adds, over all subsets of the others that aren't given."""
    trees = [predictors[0].nodes for predictors in estimator._predictors]
    columns = sorted(set(range(len(row))) - given)
    answer = {
        known: sum(_expected(nodes, row, known | given) for nodes in trees)
        for size in range(len(columns) + 1)
        for known in map(frozenset, combinations(columns, size))
    }
    found = np.zeros(len(row))
    for i in columns:
        for known, value in answer.items():
            if i not in known:
                k, n = len(known), len(columns)
                weight = factorial(k) * factorial(n - k - 1) / factorial(n)
                found[i] += weight * (answer[known | {i}] - value)
    return found


@pytest.mark.parametrize("leaves", [2, 8, 16])
@pytest.mark.parametrize("columns", [1, 5])
def test_they_are_the_shapley_values_by_their_definition(leaves, columns):
    frame, target = _data(leaves + columns, columns=columns)
    estimator = HistGradientBoostingRegressor(
        max_iter=2, max_leaf_nodes=leaves, min_samples_leaf=5, early_stopping=False
    ).fit(frame.to_numpy(), target)

    found = tree_contributions(estimator, frame).values.to_numpy()

    for row in (0, 7, 150):
        expected = _shapley(estimator, frame.to_numpy()[row])
        np.testing.assert_allclose(found[row], expected, rtol=1e-10, atol=1e-12)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 12), missing=st.floats(0, 0.6))
def test_they_add_up_to_the_log_odds(seed, leaves, missing):
    frame, target = _data(seed, rows=120, missing=missing)
    estimator = HistGradientBoostingClassifier(
        max_iter=2, max_leaf_nodes=leaves, min_samples_leaf=4, early_stopping=False
    ).fit(frame.to_numpy(), target > np.median(target))

    totals = tree_contributions(estimator, frame).totals()

    odds = estimator.decision_function(frame.to_numpy())
    np.testing.assert_allclose(totals, odds, rtol=1e-10, atol=1e-12)


def test_paths_as_long_as_trees_without_limits_grow_them_add_up():
    frame, target = _data(5, rows=250, columns=9)
    estimator = HistGradientBoostingRegressor(
        loss="poisson", max_iter=2, max_leaf_nodes=None, min_samples_leaf=1, early_stopping=False
    ).fit(frame.to_numpy(), np.maximum(target, 0))

    totals = tree_contributions(estimator, frame.iloc[:20]).totals()

    answers = np.log(estimator.predict(frame.to_numpy()[:20]))
    np.testing.assert_allclose(totals, answers, rtol=1e-9)


def test_nobody_and_a_model_of_nothing_but_leaves():
    frame, _ = _data(1)
    estimator = HistGradientBoostingRegressor(max_iter=2, early_stopping=False).fit(
        frame.to_numpy(), np.ones(len(frame))
    )

    everybody = tree_contributions(estimator, frame)

    assert (everybody.values.to_numpy() == 0).all()
    assert everybody.base == pytest.approx(1.0)
    assert tree_contributions(estimator, frame.iloc[:0]).values.shape == (0, 4)


@pytest.mark.parametrize(
    ("estimator", "classes", "message"),
    [
        (RandomForestClassifier(n_estimators=2), 2, "RandomForestClassifier is no fitted"),
        (HistGradientBoostingClassifier(max_iter=2), 3, "several classes"),
        (HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]), 2, "by category"),
    ],
)
def test_what_is_not_known_is_refused(estimator, classes, message):
    frame, target = _data(2, missing=0)
    cuts = np.quantile(target, np.linspace(0, 1, classes + 1)[1:-1])
    estimator.fit(frame.to_numpy(), np.digitize(target, cuts))

    with pytest.raises(TypeError, match=message):
        tree_contributions(estimator, frame)


@pytest.mark.parametrize("value", [0.0, 2.0, 5.0])
def test_a_feature_that_is_given_adds_nothing_and_changes_what_the_others_add(value):
    frame, target = _data(3, columns=4, missing=0.1)
    estimator = HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=12).fit(frame, target)
    some = frame[:20].assign(f3=value)

    found = tree_contributions(estimator, some.iloc[:, :3], last=value)

    expected = [_shapley(estimator, row, frozenset({3})) for row in some.to_numpy()]
    assert found.values.to_numpy() == pytest.approx(np.array(expected)[:, :3], abs=1e-9)
    assert found.totals().to_numpy() == pytest.approx(estimator.predict(some), abs=1e-9)
