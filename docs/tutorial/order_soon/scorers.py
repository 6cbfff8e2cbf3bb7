"""The scorer ``order_soon.probability``."""

import ibis
import pandas as pd
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.explaining import tree_contributions
from lifecycle_engine.sdk.scorers import ModelState, Probability, Scorer, no_progress, scorers


@scorers.register
class OrderSoon(Scorer):
    """Probability that a customer who has bought before orders in the next seven days."""

    key = "order_soon.probability"
    label = _("Orders within a week")
    output = Probability()
    horizon_days = 7
    chooses = False
    features = ("recency_days", "orders_30d", "orders_90d", "gap_days_mean")

    def outcome(self, tables):
        """1 for everybody who orders; the others are missing, which means 0."""
        return tables.orders.select("customer_id").distinct().mutate(target=ibis.literal(1.0))

    def fit(self, frame, target, *, validation, rng, progress=no_progress):
        """Grow a few small trees."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        self._trees = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=8, random_state=int(rng.integers(2**31))
        ).fit(frame.to_numpy(), target.to_numpy())

    def predict(self, frame):
        """The probability for each customer."""
        values = self._trees.predict_proba(frame.to_numpy())[:, 1] if len(frame) else []
        return pd.Series(values, index=frame.index, dtype=float)

    def explain(self, frame):
        """What each feature added, so that staff can read why."""
        return tree_contributions(self._trees, frame)

    def baseline(self, frame):
        """What one would guess without a model: who ordered lately orders again."""
        return 1 / (1 + frame["recency_days"].fillna(365) / self.horizon_days)

    def state(self):
        """The fitted model, for storage."""
        return ModelState(estimators={"trees": self._trees})

    def restore(self, state):
        """Become the stored model."""
        self._trees = state.estimators["trees"]
