"""The scorer ``value.spend_30d``."""

from typing import TYPE_CHECKING, Any, ClassVar

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.features import BUYING_HABITS
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import (
    Amount,
    ModelState,
    Probability,
    Progress,
    Scorer,
    no_progress,
    scorers,
)
from lifecycle_engine.sdk.tables import Tables

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

#: scikit-learn's names of the losses whose optimum is the mean and the median.
_LOSSES = {"mean": "poisson", "median": "absolute_error"}


class ValueConfig(Config):
    """How the two models are trained and mixed."""

    trees: int = Field(default=120, ge=10, le=2000)
    mean_share: float = Field(default=0.5, ge=0, le=1)


@scorers.register
class Spend30d(Scorer):
    """What a customer who has bought before spends in the next 30 days.

    Two gradient boostings are mixed: one for the mean, whose total is right but which a few large
    baskets pull up, and one for the median, which is closest for most customers but misses a tenth
    of the total. The share of each is a matter of configuration and not fitted.
    """

    key: ClassVar[str] = "value.spend_30d"
    label: ClassVar[Any] = _("Expected spend, 30 days")
    Config: ClassVar[type[Config]] = ValueConfig
    output: ClassVar[Probability | Amount] = Amount("money")
    features: ClassVar[tuple[str, ...]] = BUYING_HABITS

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._models: dict[str, HistGradientBoostingRegressor] = {}
        self._tried: dict[str, dict[str, float]] = {}

    @property
    def algorithm(self) -> str:
        """The mixture."""
        return "Gradient boosting, mean and median"

    def report(self) -> dict[str, Any]:
        """Both models and their mixture on the validation window."""
        return {"mean_share": self.config.mean_share, "candidates": self._tried}

    def outcome(self, tables: Tables) -> ir.Table:
        """What everybody spent; who is missing spent nothing."""
        return tables.orders.group_by("customer_id").aggregate(
            target=tables.orders.value.sum().fill_null(0.0)
        )

    def fit(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        validation: "tuple[pd.DataFrame, pd.Series[float]] | None",
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Fit both models."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        spent = np.maximum(target.to_numpy(np.float64), 0.0)  # Returns can outweigh purchases.
        for done, (name, loss) in enumerate(_LOSSES.items()):
            model = HistGradientBoostingRegressor(
                loss=loss,
                max_iter=self.config.trees,
                learning_rate=0.05,
                max_leaf_nodes=8,
                min_samples_leaf=60,
                l2_regularization=5.0,
                max_features=0.4,
                early_stopping=False,
                random_state=int(rng.integers(2**31)),
            )
            self._models[name] = model.fit(frame.to_numpy(), spent)
            progress(done + 1, len(_LOSSES))
        if validation is not None:
            self._tried = self._compare(*validation)

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The expected spend of each customer."""
        return pd.Series(self._mixed(frame), index=frame.index, name=self.key)

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """What the customer spent in the last 30 days."""
        return frame["revenue_30d"].fillna(0.0).clip(lower=0.0)

    def state(self) -> ModelState:
        """Both models."""
        return ModelState(estimators=self._models)

    def restore(self, state: ModelState) -> None:
        """Become the models that were stored."""
        stored: Any = state.estimators
        self._models = {name: stored[name] for name in _LOSSES}

    def _mixed(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        share: float = self.config.mean_share
        return share * self._one("mean", frame) + (1 - share) * self._one("median", frame)

    def _one(self, name: str, frame: pd.DataFrame) -> NDArray[np.float64]:
        if frame.empty:
            return np.empty(0)
        found: NDArray[np.float64] = self._models[name].predict(frame.to_numpy())
        return np.maximum(found, 0.0)

    def _compare(
        self, frame: pd.DataFrame, target: "pd.Series[float]"
    ) -> dict[str, dict[str, float]]:
        tried = {name: self._one(name, frame) for name in _LOSSES} | {"mixed": self._mixed(frame)}
        return {
            name: {
                "mae": float(np.abs(found - target.to_numpy()).mean()),
                "total_ratio": float(found.sum() / target.sum()),
            }
            for name, found in tried.items()
        }
