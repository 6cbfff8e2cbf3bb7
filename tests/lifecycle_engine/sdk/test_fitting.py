"""Calibration held to scikit-learn, slices that keep their distance, and weights."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lifecycle_engine.sdk.fitting import (
    SHALLOW_TREES,
    Calibration,
    balanced_weights,
    calibrated_fit,
    calibration_choose,
    slices_apart,
    tree_values,
)


def overconfident(rows=4_000, seed=1):
    """What a model says whose log-odds are twice what they should be, and what came true."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1.2, rows)
    came_true = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    return 1 / (1 + np.exp(-2 * odds)), came_true


def test_platts_curve_is_that_of_logistic_regression():
    said, came_true = overconfident()
    odds = np.log(said / (1 - said))
    line = LogisticRegression(C=1e9, tol=1e-10).fit(odds[:, None], came_true)

    found = Calibration.fit("platt", said, came_true).apply(said)

    # Platt's smoothed targets move it by a few parts in ten thousand.
    np.testing.assert_allclose(found, line.predict_proba(odds[:, None])[:, 1], atol=1e-3)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.05, 0.2, 0.4, 0.7, 0.9]), st.booleans()),
        min_size=2,
        max_size=40,
    )
)
def test_the_isotonic_curve_is_that_of_scikit_learn(rows):
    said, came_true = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    reference = IsotonicRegression(out_of_bounds="clip").fit(said, came_true)
    margin = 1 / (len(rows) + 2)
    everywhere = np.linspace(0, 1, 41)

    found = Calibration.fit("isotonic", said, came_true).apply(everywhere)

    knots = reference.X_thresholds_, np.clip(reference.y_thresholds_, margin, 1 - margin)
    np.testing.assert_allclose(found, np.interp(everywhere, *knots), atol=1e-12)


@given(
    st.sampled_from(["platt", "isotonic"]),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30),
)
def test_a_curve_is_a_probability_everywhere_and_survives_storing(method, rows):
    said, came_true = (np.array(column, dtype=float) for column in zip(*rows, strict=True))

    curve = Calibration.fit(method, said, came_true)

    found = curve.apply(np.linspace(0, 1, 11))
    assert ((found >= 0) & (found <= 1)).all()
    assert Calibration.from_params(curve.as_params()) == curve


def test_a_curve_is_kept_only_where_it_helps():
    said, came_true = overconfident()
    curves = {"platt": Calibration.fit("platt", said, came_true)}
    later, truth = overconfident(seed=2)

    chosen, brier = calibration_choose(curves, probability=later, target=truth)
    assert chosen == curves["platt"]
    assert brier["platt"] < brier["none"]

    honest = curves["platt"].apply(later)
    again = {"platt": Calibration.fit("platt", honest, truth)}
    assert calibration_choose(again, probability=honest, target=truth)[0] == Calibration()


def cutoffs_frame(days, rows=3):
    dates = [pd.Timestamp("2017-01-01", tz="UTC") + pd.Timedelta(days=day) for day in days]
    index = pd.MultiIndex.from_product([dates, range(rows)], names=["cutoff", "customer_id"])
    return pd.DataFrame({"x": np.arange(float(len(index)))}, index=index)


def test_the_slice_that_calibrates_lies_a_horizon_after_what_is_learned():
    frame = cutoffs_frame([0, 15, 30, 45])

    older, newest = slices_apart(frame, horizon_days=30)

    assert frame[older].index.unique("cutoff").day.tolist() == [1, 16]
    assert frame[newest].index.unique("cutoff").day_of_year.tolist() == [46]


def test_one_of_eight_cut_off_dates_calibrates():
    frame = cutoffs_frame(range(17))

    older, newest = slices_apart(frame, horizon_days=3)

    assert frame[newest].index.unique("cutoff").day.tolist() == [16, 17]
    assert frame[older].index.unique("cutoff").day.tolist() == [*range(1, 14)]


@pytest.mark.parametrize(
    ("days", "methods", "learned", "curves"),
    [
        ([0, 30], ("platt",), 4, ["platt"]),
        ([0, 15], ("platt",), 8, []),  # Nothing is old enough.
        ([0, 30], (), 8, []),
    ],
)
def test_without_a_slice_of_its_own_there_is_no_curve(days, methods, learned, curves):
    frame = cutoffs_frame(days, rows=4)
    target = pd.Series([0.0, 1.0] * 4, index=frame.index)
    seen = []

    found = calibrated_fit(
        lambda rows, _truth: seen.append(len(rows)),
        lambda _model, rows: np.full(len(rows), 0.4),
        frame=frame,
        target=target,
        horizon_days=30,
        methods=methods,
    )

    assert seen == [learned]
    assert list(found.curves) == curves


def test_weights_let_the_rare_count_as_much():
    target = pd.Series([1.0] * 2 + [0.0] * 8)

    weights = balanced_weights(target)

    assert weights[:2].sum() == pytest.approx(weights[2:].sum())
    assert weights.mean() == pytest.approx(1)
    assert balanced_weights(target, most=2)[0] == pytest.approx(
        2 * balanced_weights(target, most=2)[-1]
    )
    assert balanced_weights(pd.Series([0.0, 0.0])).tolist() == [1, 1]


def test_a_feature_of_which_nothing_is_known_stops_no_training():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"orders": rng.normal(size=400), "coupons": np.full(400, np.nan)})
    frame.loc[:20, "orders"] = np.nan
    target = (frame["orders"].fillna(0) > 0).to_numpy(float)
    before = frame.copy()

    with pytest.raises(ValueError, match="window shape"):
        HistGradientBoostingClassifier(max_iter=10).fit(frame.to_numpy(), target)
    model = HistGradientBoostingClassifier(max_iter=10, **SHALLOW_TREES)
    model.fit(tree_values(frame), target)

    assert roc_auc_score(target, model.predict_proba(frame.to_numpy())[:, 1]) > 0.9
    pd.testing.assert_frame_equal(frame, before)
