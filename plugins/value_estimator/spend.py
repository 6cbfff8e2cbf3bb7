"""The spend of the near future, by the model that comes nearest."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from math import isfinite
from typing import Any, ClassVar

import ibis
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
from lifecycle_engine.sdk.tuning import (
    TREES_SPACE,
    Search,
    judged_apart,
    searched,
)
from plugins.value_estimator.candidates import (
    Boosting,
    Floats,
    Name,
    SpendConfig,
    SpendModels,
    best,
    boosting_settings,
    choice_loss,
    has_boosting,
    quality,
)
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

    With a budget for a search the boosting has the settings with which the winner was closest
    there. The window that judges is asked what that was worth.
    """

    Config: ClassVar[type[Config]] = SpendConfig
    output: ClassVar[Probability | Amount] = Amount("money")
    features: ClassVar[tuple[str, ...]] = (*BUYING_HABITS, "revenue_total")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._chosen: Name = self.config.candidates[-1]
        self._models = SpendModels(self.horizon_days)
        self._tried: dict[Name, dict[str, float]] = {}
        self._settings: Mapping[str, Any] = boosting_settings(self.config)
        self._search: Search | None = None
        # With the configuration's settings: for the window that judges, and gone afterwards.
        self._unsearched: SpendModels | None = None
        self._is_to_be_judged = False

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
            "search": self._search.as_json() if self._search else None,
        } | ({"parameters": parametric.params()} if parametric else {})

    def report_judged(self, frame: pd.DataFrame, outcome: "pd.Series[float]") -> dict[str, Any]:
        """What the search was worth, beside the same candidate without it."""
        if self._search is None or self._unsearched is None:
            return {}
        truth = outcome.to_numpy(np.float64)
        default, found = (
            np.abs(models.predict(self._chosen, frame) - truth)
            for models in (self._unsearched, self._models)
        )
        return {"search": self._search.as_json(judged=judged_apart(default, found))}

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
        # Returns can outweigh purchases.
        rows = frame, np.maximum(target.to_numpy(np.float64), 0.0)
        default = boosting_settings(self.config)
        if validation:
            self._settings = default
            self._models = self._fitted(self.config.candidates, *rows, default, rng, progress)
            wanted = self.config.search.wanted and any(map(has_boosting, self.config.candidates))
            self._search = (
                self._boosting_search(*rows, validation, int(rng.integers(2**31)), progress)
                if wanted
                else None
            )
            self._tried = self._qualities(self._models, *validation)
            self._chosen = best(self._tried, total_tolerance=self.config.total_tolerance)
            self._is_to_be_judged = (
                self._search is not None and self._search.found and has_boosting(self._chosen)
            )
            return
        same = deepcopy(rng)
        self._models = self._fitted((self._chosen,), *rows, self._settings, rng, progress)
        self._unsearched = None
        if self._is_to_be_judged:
            self._unsearched = self._fitted((self._chosen,), *rows, default, same, no_progress)
        self._is_to_be_judged = False

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The expected spend of each customer."""
        found = self._models.predict(self._chosen, frame)
        return pd.Series(found, index=frame.index, name=self.key)

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the expected spend."""
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

    def _fitted(
        self,
        names: tuple[Name, ...],
        frame: pd.DataFrame,
        spent: Floats,
        settings: Mapping[str, Any],
        rng: np.random.Generator,
        progress: Progress,
    ) -> SpendModels:
        return SpendModels.fit(
            *(names, frame, spent),
            days=self.horizon_days,
            config=self.config,
            settings=settings,
            rng=rng,
            progress=progress,
        )

    def _qualities(
        self, models: SpendModels, frame: pd.DataFrame, spent: "pd.Series[float]"
    ) -> dict[Name, dict[str, float]]:
        truth = spent.to_numpy(np.float64)
        names: tuple[Name, ...] = self.config.candidates
        return {name: quality(truth, models.predict(name, frame)) for name in names}

    def _boosting_search(
        self,
        frame: pd.DataFrame,
        spent: Floats,
        validation: "tuple[pd.DataFrame, pd.Series[float]]",
        seed: int,
        progress: Progress,
    ) -> Search | None:
        """Look for settings of the boosting with which the winner comes nearest.

        Where no total of the configuration is about right there is no search: the window for
        choices then says little of who comes near.
        """

        def with_settings(settings: Mapping[str, Any]) -> SpendModels:
            boosting = Boosting.fit(
                *(frame, spent),
                settings=settings,
                mean_share=self.config.mean_share,
                rng=np.random.default_rng(seed),
                progress=no_progress,
            )
            return replace(self._models, boosting=boosting)

        def loss(settings: Mapping[str, Any]) -> float:
            tried = self._qualities(with_settings(settings), *validation)
            return choice_loss(tried, total_tolerance=self.config.total_tolerance)

        if not isfinite(loss(self._settings)):
            return None
        found = searched(
            loss,
            space=TREES_SPACE,
            default=self._settings,
            budget=self.config.search,
            seed=seed,
            metric="mae",
            progress=progress,
        )
        self._settings = found.best.settings
        self._models = with_settings(self._settings)
        return found


def spent(tables: Tables) -> ir.Table:
    """What everybody spent, as a target."""
    spent = tables.orders.group_by("customer_id").aggregate(value=tables.orders.value.sum())
    # A refund may make it less than nothing; nobody is expected to spend that.
    return spent.select("customer_id", target=ibis.greatest(spent.value.fill_null(0.0), 0.0))
