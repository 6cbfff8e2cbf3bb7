"""Small scorers of classes: one whose classes are known, and one that finds its own."""

import ibis
import numpy as np
import pandas as pd
from django.utils.translation import gettext_noop

from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import MinimumData, ModelState

NONE, ONE, MANY = 0, 1, 4


class NextOrders(ClassScorer):
    """None, one or several orders in the next 20 days: what came true of like buyers."""

    key = "dummy.next_orders"
    label = "Next orders"
    classes = {
        NONE: gettext_noop("no order"),
        ONE: gettext_noop("one order"),
        MANY: gettext_noop("several orders"),
    }
    features = ("recency_days", "orders_30d")
    horizon_days = 20
    cutoff_count = 3
    chooses = False
    minimum = MinimumData(customers=20, positives=2)

    def outcome(self, tables):
        counted = tables.orders.group_by("customer_id").aggregate(orders=tables.orders.count())
        several = ibis.cases((counted.orders > 1, float(MANY)), else_=float(ONE))
        return counted.select("customer_id", target=several)

    def fit(self, frame, target, *, validation, rng, progress=None):
        self.shares = np.array([float((target == one).mean()) for one in self.classes])
        table = pd.crosstab(_bins(frame), target).reindex(columns=[*self.classes], fill_value=0)
        self.table = (table.reindex(range(12), fill_value=0).to_numpy(float) + self.shares).copy()
        self.table /= self.table.sum(axis=1, keepdims=True)

    def predict_proba(self, frame):
        return self._frame(frame, self.table[_bins(frame)])

    def baseline_proba(self, frame):
        return self._frame(frame, np.tile(self.shares, (len(frame), 1)))

    def _frame(self, frame, values):
        return pd.DataFrame(values, columns=[*self.classes], index=frame.index)

    def state(self):
        return ModelState(arrays={"table": self.table, "shares": self.shares})

    def restore(self, state):
        self.table, self.shares = state.arrays["table"], state.arrays["shares"]


def _bins(frame):
    late = (frame["recency_days"].fillna(99).to_numpy() > 8).astype(int)
    return late * 6 + np.minimum(frame["orders_30d"].fillna(0).to_numpy() // 2, 5).astype(int)


class CutsConfig(Config):
    """Where the customers are cut apart."""

    days: float = 20.0
    swapped: bool = False
    noisy: bool = False
    baseline_noisy: bool = True


class Groups(ClusterScorer):
    """Who bought lately and who did not; beside groups that chance makes."""

    key = "dummy.groups"
    label = "Groups"
    Config = CutsConfig
    features = ("recency_days", "orders_90d")
    resamples = 5
    minimum = MinimumData(customers=20, days=30)
    words = {
        "recency_days": (gettext_noop("long away"), gettext_noop("here lately")),
        "orders_90d": (gettext_noop("frequent"), gettext_noop("rare")),
    }

    def fit_clusters(self, frame, *, rng, progress=None):
        self.cuts = [self.config.days, float(rng.integers(2, 9)), float(rng.integers(2, 9))]

    def assign(self, frame):
        late = (frame["recency_days"].fillna(0).to_numpy() > self.cuts[0]).astype(np.int64)
        if self.config.noisy:
            late = _chance(frame, self.cuts[1])
        return 1 - late if self.config.swapped else late

    def assign_baseline(self, frame):
        if not self.config.baseline_noisy:
            return (frame["recency_days"].fillna(0).to_numpy() > self.cuts[0]).astype(np.int64)
        return _chance(frame, self.cuts[2])

    def project(self, frame):
        return frame.fillna(0.0).to_numpy(np.float64)

    def state(self):
        return ModelState(params={"cuts": self.cuts})

    def restore(self, state):
        self.cuts = state.params["cuts"]


def _chance(frame, cut):
    """Groups that have nothing to do with what was learned, other ones for each fit."""
    values = np.nan_to_num(frame["recency_days"].to_numpy(np.float64))
    return (np.floor(values * 100 * cut) % 2).astype(np.int64)
