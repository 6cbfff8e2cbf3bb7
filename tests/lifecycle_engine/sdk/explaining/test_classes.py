"""Why a customer is in a class: exact, by the pair of classes that were closest."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from lifecycle_engine.sdk.explaining import (
    Contributions,
    centre_contributions,
    class_contributions,
    linear_class_contributions,
    tree_class_contributions,
    tree_contributions,
)

NUMBERS = (1.0, 4.0, 7.0)


def _data(classes, seed=3, rows=300, columns=4):
    """Features of which each class has much of one, and every tenth is missing."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(classes, size=rows)
    values = rng.normal(0, 1, (rows, columns))
    values[np.arange(rows), kinds] += 1.5
    frame = pd.DataFrame(values, columns=[f"f{n}" for n in range(columns)])
    frame.index = pd.RangeIndex(100, 100 + rows, name="customer_id")
    return frame, np.array(NUMBERS)[kinds]


def _two_best(probabilities, classes):
    """Each row's likeliest class and the next, and the log-odds between them."""
    order = np.argsort(-probabilities, axis=1)
    logs = np.log(np.take_along_axis(probabilities, order, axis=1))
    numbers = np.asarray(classes)[order]
    return numbers[:, 0], numbers[:, 1], logs[:, 0] - logs[:, 1]


@pytest.mark.parametrize("classes", [2, 3])
def test_of_trees_they_sum_to_the_log_odds_between_the_two_likeliest(classes):
    frame, kinds = _data(classes)
    frame = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.1)
    estimator = HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=6).fit(
        frame.to_numpy(), kinds
    )

    found = tree_class_contributions(estimator, frame)

    own, rival, odds = _two_best(estimator.predict_proba(frame.to_numpy()), estimator.classes_)
    assert found.own.tolist() == own.tolist()
    assert found.rival.tolist() == rival.tolist()
    np.testing.assert_allclose(found.totals(), odds, rtol=1e-6, atol=1e-8)
    assert found.values.index.equals(frame.index)
    # Each class has much of one feature, which speaks for it.
    own_feature = {number: f"f{place}" for place, number in enumerate(NUMBERS)}
    spoke = [found.values.loc[row, own_feature[one]] for row, one in found.own.items()]
    assert np.mean(spoke) > 0.3
    assert len(tree_class_contributions(estimator, frame.iloc[:0]).values) == 0


def test_a_class_of_trees_is_explained_by_its_own_margin():
    frame, kinds = _data(3)
    estimator = HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=4).fit(
        frame.to_numpy(), kinds
    )

    margins = [tree_contributions(estimator, frame, of=place).totals() for place in range(3)]

    said = estimator.decision_function(frame.to_numpy())
    np.testing.assert_allclose(np.stack(margins, axis=1), said, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_of_linear_models_they_sum_to_the_log_odds(classes):
    frame, kinds = _data(classes)
    model = LogisticRegression().fit(frame.to_numpy(), kinds)

    found = linear_class_contributions(
        frame,
        inputs=frame.to_numpy(),
        coefficients=model.coef_,
        intercepts=model.intercept_,
        mean=frame.mean().to_numpy(),
        classes=model.classes_,
    )

    own, rival, odds = _two_best(model.predict_proba(frame.to_numpy()), model.classes_)
    assert (found.own.tolist(), found.rival.tolist()) == (own.tolist(), rival.tolist())
    np.testing.assert_allclose(found.totals(), odds, rtol=1e-6, atol=1e-8)


@given(seed=st.integers(0, 10_000), groups=st.integers(2, 6), rows=st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_of_centres_they_sum_to_how_much_nearer_the_own_one_is(seed, groups, rows):
    rng = np.random.default_rng(seed)
    inputs, centres = rng.normal(size=(rows, 3)), rng.normal(size=(groups, 3))
    frame = pd.DataFrame(inputs * 100, columns=["a", "b", "c"])

    found = centre_contributions(
        frame, inputs=inputs, centres=centres, numbers=[10.0 + n for n in range(groups)]
    )

    away = np.sort(((inputs[:, None] - centres) ** 2).sum(axis=2), axis=1)
    np.testing.assert_allclose(found.totals(), away[:, 1] - away[:, 0], atol=1e-9)
    assert (found.base == 0.0).all()
    for row in range(rows):
        own, rival = (centres[int(one.iloc[row]) - 10] for one in (found.own, found.rival))
        wanted = (inputs[row] - rival) ** 2 - (inputs[row] - own) ** 2
        assert found.values.iloc[row].to_numpy() == pytest.approx(wanted)


def test_each_pair_is_asked_once_and_of_equals_the_first_is_the_class():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=[7, 8, 9])
    margins = pd.DataFrame({3: [1.0, 0.0, 2.0], 5: [1.0, 4.0, 2.0], 9: [0.0, 1.0, 2.0]})
    asked = []

    def pair(rows, own, rival):
        asked.append((rows.tolist(), own, rival))
        some = frame.iloc[rows]
        return Contributions(some * (own + 1), base=float(rival))

    found = class_contributions(frame, margins=margins.set_index(frame.index), pair=pair)

    assert asked == [([0, 2], 0, 1), ([1], 1, 2)]
    assert found.own.to_dict() == {7: 3.0, 8: 5.0, 9: 3.0}
    assert found.rival.to_dict() == {7: 5.0, 8: 9.0, 9: 5.0}
    assert found.totals().to_dict() == {7: 2.0, 8: 6.0, 9: 4.0}


def test_contributions_with_a_base_of_each_customer_go_through_a_link():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [0.5, 0.0]}, index=[7, 8])
    found = Contributions(frame, pd.Series([1.0, -1.0], index=[7, 8])).through(np.exp)

    assert found.base.to_dict() == pytest.approx({7: np.exp(1.0), 8: np.exp(-1.0)})
    assert found.totals().to_dict() == pytest.approx({7: np.exp(2.5), 8: np.exp(1.0)})


def test_of_one_class_there_is_nothing_to_say():
    frame = pd.DataFrame({"a": [1.0]})

    with pytest.raises(ValueError, match="one class"):
        centre_contributions(frame, inputs=np.ones((1, 1)), centres=np.ones((1, 1)), numbers=[1])
