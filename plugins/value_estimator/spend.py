"""The spend of the near future, by the model that comes nearest."""

from typing import Any, ClassVar

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from lifecycle_engine.sdk.explaining import Contributions
from lifecycle_engine.sdk.features import BUYING_HABITS
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import (
    Amount,
    ModelState,
    Probability,
    Progress,
    Scorer,
    no_progress,
)
from lifecycle_engine.sdk.tables import Tables
from plugins.value_estimator.candidates import Name, SpendConfig, SpendModels, best, quality
from plugins.value_estimator.parametric import recent_spend

_ALGORITHMS: dict[Name, str] = {
    "boosting": "Gradient boosting, mean and median",
    "parametric": "BG/NBD with Gamma-Gamma",
    "recent": "BG/NBD with Gamma-Gamma and recent spend, half each",
    "blend": "Gradient boosting and BG/NBD with Gamma-Gamma, half each",
    "network": "Zero-inflated log-normal network",
}


class Spend(Scorer):
    """What a customer who has bought before spends within ``horizon_days``.

    The candidates of the configuration compete on the validation window; the least absolute error
    wins, among those whose total is about right. Without such a window the last one is taken.
    """

    Config: ClassVar[type[Config]] = SpendConfig
    output: ClassVar[Probability | Amount] = Amount("money")
    features: ClassVar[tuple[str, ...]] = (*BUYING_HABITS, "revenue_total")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._chosen: Name = self.config.candidates[-1]
        self._models = SpendModels(self.horizon_days)
        self._tried: dict[Name, dict[str, float]] = {}

    @property
    def algorithm(self) -> str:
        """Which candidate won."""
        return _ALGORITHMS[self._chosen]

    def report(self) -> dict[str, Any]:
        """All candidates on the validation window, and the parameters of the parametric models."""
        parametric = self._models.parametric
        return {
            "chosen": self._chosen,
            "chosen_by": "mae" if self._tried else "configuration",
            "total_tolerance": self.config.total_tolerance,
            "candidates": self._tried,
        } | ({"parameters": parametric.params()} if parametric else {})

    def outcome(self, tables: Tables) -> ir.Table:
        """What everybody spent; who is missing spent nothing."""
        return spent(tables)

    def fit(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        validation: "tuple[pd.DataFrame, pd.Series[float]] | None",
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Fit the candidates and choose; or, without ``validation``, the chosen one again."""
        self._models = SpendModels.fit(
            self.config.candidates if validation else (self._chosen,),
            frame,
            np.maximum(target.to_numpy(np.float64), 0.0),  # Returns can outweigh purchases.
            days=self.horizon_days,
            config=self.config,
            rng=rng,
            progress=progress,
        )
        if validation:
            features, spent = validation
            self._tried = {
                name: quality(spent.to_numpy(np.float64), self._models.predict(name, features))
                for name in self.config.candidates
            }
            self._chosen = best(self._tried, total_tolerance=self.config.total_tolerance)

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The expected spend of each customer."""
        found = self._models.predict(self._chosen, frame)
        return pd.Series(found, index=frame.index, name=self.key)

    def explain(self, frame: pd.DataFrame) -> Contributions | None:
        """What each feature added to the expected spend; nothing where a network was chosen."""
        return self._models.explain(self._chosen, frame)

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """What the customer spent in the last ``horizon_days``."""
        return pd.Series(recent_spend(frame, self.horizon_days), index=frame.index)

    def state(self) -> ModelState:
        """The fitted models, and which candidate it is."""
        stored = self._models.state()
        return ModelState(
            estimators=stored.estimators,
            arrays=stored.arrays,
            params={**stored.params, "chosen": self._chosen},
        )

    def restore(self, state: ModelState) -> None:
        """Become the models that were stored."""
        self._chosen = state.params["chosen"]
        self._models = SpendModels.restored(
            state, days=self.horizon_days, mean_share=self.config.mean_share
        )


def spent(tables: Tables) -> ir.Table:
    """What everybody spent, as a target."""
    return tables.orders.group_by("customer_id").aggregate(
        target=tables.orders.value.sum().fill_null(0.0)
    )
