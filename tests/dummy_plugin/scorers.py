"""A probability, an amount and a ranking, each in a few lines."""

import ibis
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import (
    Amount,
    MinimumData,
    ModelState,
    Probability,
    RankingScorer,
    Scorer,
    scorers,
)


class DummyConfig(Config):
    strength: float = 1.0


@scorers.register
class Lapse(Scorer):
    """No order in the next 20 days, by logistic regression; beside a coin."""

    key = "dummy.lapse"
    label = "Lapse"
    Config = DummyConfig
    output = Probability()
    features = ("recency_days", "orders_30d")
    own_feature_names = ("largest",)
    horizon_days = 20
    outcome_missing = 1.0
    cutoff_count = 3
    minimum = MinimumData(customers=20, positives=2, negatives=2)

    def own_features(self, tables):
        return tables.orders.group_by("customer_id").aggregate(largest=tables.orders.value.max())

    def outcome(self, tables):
        return tables.orders.select("customer_id").distinct().mutate(target=ibis.literal(0.0))

    def fit(self, frame, target, *, validation, rng, progress=None):
        self.model = LogisticRegression(C=self.config.strength).fit(_filled(frame), target)

    def predict(self, frame):
        found = self.model.predict_proba(_filled(frame))[:, 1] if len(frame) else np.empty(0)
        return pd.Series(found, index=frame.index)

    def baseline(self, frame):
        return pd.Series(0.5, index=frame.index)

    def state(self):
        return ModelState(estimators={"model": self.model})

    def restore(self, state):
        self.model = state.estimators["model"]


@scorers.register
class Spend(Scorer):
    """The mean of what was learned, for everybody."""

    key = "dummy.spend"
    label = "Spend"
    output = Amount("money")
    features = ("revenue_30d",)
    horizon_days = 20
    cutoff_count = 1
    minimum = MinimumData(customers=20, positives=2, negatives=2)

    def outcome(self, tables):
        orders = tables.orders
        return orders.group_by("customer_id").aggregate(target=orders.value.sum())

    def fit(self, frame, target, *, validation, rng, progress=None):
        self.mean = float(target.mean())

    def predict(self, frame):
        return pd.Series(self.mean, index=frame.index)

    def baseline(self, frame):
        return frame["revenue_30d"].fillna(0.0)

    def state(self):
        return ModelState(params={"mean": self.mean}, arrays={"mean": np.array([self.mean])})

    def restore(self, state):
        self.mean = state.params["mean"]


@scorers.register
class Again(RankingScorer):
    """What the customer bought most; beside the alphabet."""

    key = "dummy.again"
    label = "Again"
    horizon_days = 20

    def fit(self, tables, *, as_of, rng, progress=None):
        self.seen = tables.execute(tables.order_lines.count().as_table()).num_rows

    def recommend(self, tables, *, customer_ids, k):
        lines = tables.order_lines
        counted = lines.group_by("customer_id", "sku").aggregate(
            score=lines.count().cast("float64")
        )
        found = tables.execute(counted).to_pandas()
        return _ranked(found[found["customer_id"].isin(customer_ids)], k, "You buy it often")

    def baseline(self, tables, *, customer_ids, k):
        found = pd.DataFrame({"customer_id": customer_ids, "sku": "zzz", "score": 1.0})
        return _ranked(found, k, "")

    def state(self):
        return ModelState(params={"seen": self.seen})

    def restore(self, state):
        self.seen = state.params["seen"]


def _filled(frame):
    return frame.fillna(0.0).to_numpy()


def _ranked(found, k, reason):
    found = found.sort_values(["customer_id", "score", "sku"], ascending=[True, False, True])
    found = found.assign(rank=found.groupby("customer_id").cumcount() + 1, reason=reason)
    return found[found["rank"] <= k]
