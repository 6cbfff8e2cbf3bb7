"""Reasons from features: summed by theme, in order, beside what is usual."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.scoring.errors import ReasonsMissingError, ScorerOutputError
from lifecycle_engine.scoring.reasons.computing import (
    contributions_checked,
    customers_explain,
    importances,
    typical_values,
)
from lifecycle_engine.scoring.reasons.results import Change, Reason
from lifecycle_engine.sdk.explaining import Contributions, linear_contributions
from lifecycle_engine.sdk.scorers import Amount, Scorer

WEIGHTS = {
    "recency_days": 0.1,
    "recency_over_gap": 0.5,
    "gap_days_mean": 0.0,
    "departments_90d": -0.4,
}


class Lateness(Scorer):
    """A sum with weights; what is missing counts as 0."""

    key = "test.lateness"
    output = Amount("points")
    wanted = "lower"
    features = tuple(WEIGHTS)

    def predict(self, frame):
        return (frame.fillna(0.0) * list(WEIGHTS.values())).sum(axis=1) + 2.0

    def explain(self, frame):
        return linear_contributions(
            frame,
            inputs=frame.fillna(0.0),
            coefficients=list(WEIGHTS.values()),
            intercept=2.0,
            mean=[10.0, 1.0, 5.0, 2.0],
        )


@pytest.fixture
def frame():
    rows = [(47.0, 4.0, 12.0, 1.0), (10.0, np.nan, np.nan, 2.0), (9.0, 1.0, 9.0, 5.0)]
    return pd.DataFrame(rows, columns=list(WEIGHTS), index=pd.Index([7, 8, 9], name="customer_id"))


def test_a_customers_reasons_are_sums_over_what_tells_of_the_same(frame):
    typical = {"recency_days": [2, 4, 9, 20, 60], "departments_90d": [0, 1, 2, 3, 4]}

    found = customers_explain(Lateness(), frame, typical=typical)

    late = found[7]
    pause, breadth = late.reasons
    assert pause == Reason(
        feature="recency_days",
        value=47.0,
        usual=12.0,
        typical=9,
        contribution=pytest.approx(3.7 + 1.5),
        features=("recency_days", "recency_over_gap"),
    )
    assert (breadth.feature, breadth.contribution) == ("departments_90d", pytest.approx(0.4))
    assert late.base == pytest.approx(2.0 + 1.0 + 0.5 - 0.8)
    assert late.total == late.score == pytest.approx(2.0 + 4.7 + 2.0 - 0.4)
    # Of the pause's two features one moved nothing: the other is told of.
    assert found[8].reasons[0].feature == "recency_over_gap"
    assert (found[8].reasons[0].value, found[8].reasons[0].usual) == (None, None)


def test_what_would_change_it_is_what_staff_can_act_on(frame):
    typical = {"recency_days": [0, 0, 0, 0, 0], "departments_90d": [0, 1, 2, 3, 4]}

    found = customers_explain(Lateness(), frame, typical=typical)

    assert found[7].changes == (Change("departments_90d", 1.0, 4.0, pytest.approx(7.1)),)
    # Who has more departments than is typical would only get worse.
    assert found[9].changes == ()


def test_what_comes_with_orders_changes_for_nobody_without_them(frame):
    typical = {"departments_90d": [0, 1, 2, 3, 4]}
    frame.loc[7, "recency_days"] = 91.0

    found = customers_explain(Lateness(), frame, typical=typical)

    assert found[7].changes == ()
    assert found[8].changes != ()


def test_reasons_depend_on_nobody_else_and_nobody_has_none(frame):
    typical = typical_values(frame)
    everybody = customers_explain(Lateness(), frame, typical=typical)

    for customer_id in frame.index:
        alone = customers_explain(Lateness(), frame.loc[[customer_id]], typical=typical)
        assert alone == {customer_id: everybody[customer_id]}
    assert customers_explain(Lateness(), frame.iloc[:0], typical=typical) == {}


def test_typical_is_of_those_to_whom_it_applies(frame):
    frame["orders_30d"] = np.nan

    typical = typical_values(frame)

    assert typical["gap_days_mean"] == pytest.approx([9.3, 9.75, 10.5, 11.25, 11.7])
    assert "orders_30d" not in typical


def test_importance_is_the_mean_size(frame):
    found = importances(contributions_checked(Lateness(), frame))

    assert [name for name, _size in found] == [
        "recency_days",
        "recency_over_gap",
        "departments_90d",
        "gap_days_mean",
    ]
    assert found[0][1] == pytest.approx((3.7 + 0.0 + 0.1) / 3)


def test_the_model_that_was_chosen_may_give_none(frame, monkeypatch):
    monkeypatch.setattr(Lateness, "explain", lambda self, frame: None)

    with pytest.raises(ReasonsMissingError, match="gives no reasons"):
        customers_explain(Lateness(), frame, typical={})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda frame: Contributions(frame.iloc[::-1], 0.0), "another shape"),
        (lambda frame: Contributions(frame.iloc[:, :2], 0.0), "another shape"),
        (lambda frame: Contributions(frame * np.nan, 0.0), "no number"),
    ],
)
def test_a_scorer_that_breaks_its_promise_is_refused(frame, monkeypatch, given, message):
    monkeypatch.setattr(Lateness, "explain", lambda self, frame: given(frame))

    with pytest.raises(ScorerOutputError, match=message):
        customers_explain(Lateness(), frame, typical={})
