"""Three tasks that share one training: a straight line for each, over the same features."""

import ibis
import numpy as np
import pandas as pd

from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Amount, MinimumData, ModelState, Probability
from lifecycle_engine.sdk.tables import json_text
from lifecycle_engine.sdk.tasks import SharedModel, TaskScorer

FEW = MinimumData(customers=20, positives=2, negatives=2)


class LinesConfig(Config):
    ridge: float = 1.0


class Lines(SharedModel):
    """Ridge regression of each task on its own rows."""

    key = "lines"
    Config = LinesConfig
    features = ("recency_days", "orders_30d")
    own_feature_names = ("largest",)
    horizon_days = 20
    cutoff_count = 3
    #: What each fit was given, for tests.
    fits = []

    def own_features(self, tables):
        return tables.orders.group_by("customer_id").aggregate(largest=tables.orders.value.max())

    def fit(self, frame, targets, *, outputs, validation, rng, progress=None):
        self.fits.append((frame, targets, validation))
        self.tops = {name: isinstance(output, Probability) for name, output in outputs.items()}
        self.lines = {}
        for task, target in targets.items():
            known = target.notna().to_numpy()
            x = _columns(frame)[known]
            bend = x.T @ x + self.config.ridge * np.eye(x.shape[1])
            self.lines[task] = np.linalg.solve(bend, x.T @ target[known].to_numpy())

    def predict(self, task, frame):
        found = _columns(frame) @ self.lines[task]
        return pd.Series(found.clip(0, 1 if self.tops[task] else None), index=frame.index)

    def report(self, task):
        return {"learned_with": sorted(self.lines)}

    def state(self):
        arrays = {name.partition(".")[2]: line for name, line in self.lines.items()}
        return ModelState(arrays=arrays, params={"tops": self.tops})

    def restore(self, state):
        self.tops = dict(state.params["tops"])
        self.lines = {name: state.arrays[name.partition(".")[2]] for name in self.tops}


class Task(TaskScorer):
    minimum = FEW

    def baseline(self, frame):
        return pd.Series(0.5, index=frame.index)


class Returns(Task):
    """An order within 20 days, of buyers."""

    key = "lines.returns"
    label = "Returns"
    model = Lines
    output = Probability()

    def outcome(self, tables):
        return tables.orders.select("customer_id").distinct().mutate(target=ibis.literal(1.0))


class Spends(Task):
    """What everybody who is known spends within 20 days."""

    key = "lines.spends"
    label = "Spends"
    model = Lines
    output = Amount("money")

    def population(self, tables):
        return tables.events.select("customer_id").distinct()

    def outcome(self, tables):
        orders = tables.orders
        return orders.group_by("customer_id").aggregate(target=orders.value.sum())


class Costs(Task):
    """What the shop says a customer cost it, of whom it says so."""

    key = "lines.costs"
    label = "Costs"
    model = Lines
    output = Amount("money")
    outcome_missing = float("nan")

    def population(self, tables):
        return tables.events.select("customer_id").distinct()

    def outcome(self, tables):
        told = tables.events.filter(tables.events.name == "Customer Acquired")
        cost = json_text(told.properties, "acquisition_cost").try_cast("float64")
        return told.group_by("customer_id").aggregate(target=cost.sum())


def _columns(frame):
    return np.column_stack([np.ones(len(frame)), frame.fillna(0.0).to_numpy()])
