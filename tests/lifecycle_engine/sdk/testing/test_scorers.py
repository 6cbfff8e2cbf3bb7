"""The suite says what is wrong with a scorer in words that its author can act on."""

import ibis
import pandas as pd
import pytest

from lifecycle_engine.sdk.scorers import Amount, ModelState, Scorer
from lifecycle_engine.sdk.testing.scorers import check_scorer


class Mean(Scorer):
    """The mean, for everybody."""

    key = "toy.mean"
    output = Amount("money")
    features = ("revenue_30d",)

    def outcome(self, tables):
        return tables.orders.group_by("customer_id").aggregate(target=ibis.literal(1.0))

    def fit(self, frame, target, *, validation, rng, progress=None):
        self.mean = float(target.mean())

    def predict(self, frame):
        return pd.Series(self.mean, index=frame.index)

    def baseline(self, frame):
        return frame["revenue_30d"].fillna(0.0)

    def state(self):
        return ModelState(params={"mean": self.mean})

    def restore(self, state):
        self.mean = state.params["mean"]


class Forgetful(Mean):
    """Reads what it did not keep."""

    def state(self):
        return ModelState()


def test_an_honest_scorer_passes():
    check_scorer(Mean)


def test_what_state_lacks_is_named():
    with pytest.raises(AssertionError, match=r"toy\.mean: restore reads 'mean', which state lacks"):
        check_scorer(Forgetful)
