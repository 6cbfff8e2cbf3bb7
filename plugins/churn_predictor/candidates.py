"""The models that compete: gradient boosting and a network."""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining import Contributions, tree_contributions
from lifecycle_engine.sdk.fitting import SHALLOW_TREES, tree_values
from lifecycle_engine.sdk.scorers import ModelState
from plugins.churn_predictor.network import Network

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier


class Candidate(Protocol):
    """A fitted classifier."""

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """One probability per row."""

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds."""


class Boosting:
    """Histogram gradient boosting over the features as they are; missing ones have a branch."""

    def __init__(self, estimator: "HistGradientBoostingClassifier") -> None:
        self.estimator = estimator

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        trees: int,
        seed: int,
        weights: NDArray[np.float64] | None = None,
    ) -> "Boosting":
        """Train, with few features for each tree."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        estimator = HistGradientBoostingClassifier(
            max_iter=trees,
            max_features=0.5,
            random_state=seed,
            **SHALLOW_TREES,
        )
        return cls(estimator.fit(tree_values(frame), target.to_numpy(), sample_weight=weights))

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """One probability per row."""
        found: NDArray[np.float64] = self.estimator.predict_proba(frame.to_numpy())[:, 1]
        return found

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds, exactly."""
        return tree_contributions(self.estimator, frame)


def candidate_state(candidate: Candidate) -> ModelState:
    """What a candidate is, in storable form."""
    if isinstance(candidate, Boosting):
        return ModelState(estimators={"boosting": candidate.estimator})
    assert isinstance(candidate, Network)  # noqa: S101 - there is no third.
    return ModelState(arrays=candidate.arrays)


def candidate_restored(name: str, state: ModelState) -> Candidate:
    """The candidate of that name from its storable form."""
    if name == "boosting":
        estimator: Any = state.estimators["boosting"]
        return Boosting(estimator)
    return Network(state.arrays)
