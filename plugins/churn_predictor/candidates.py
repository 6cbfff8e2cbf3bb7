"""The models that compete: gradient boosting and a network."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining import Contributions, tree_contributions
from lifecycle_engine.sdk.fitting import tree_values
from lifecycle_engine.sdk.scorers import ModelState
from lifecycle_engine.sdk.tuning import trees_params
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
        settings: Mapping[str, Any],
        seed: int,
        weights: NDArray[np.float64] | None = None,
    ) -> "Boosting":
        """Train with settings as ``trees_default`` gives them, or a search has found them."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        estimator = HistGradientBoostingClassifier(random_state=seed, **trees_params(settings))
        return cls(estimator.fit(tree_values(frame), target.to_numpy(), sample_weight=weights))

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """One probability per row."""
        found: NDArray[np.float64] = self.estimator.predict_proba(frame.to_numpy())[:, 1]
        return found

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds, exactly."""
        return tree_contributions(self.estimator, frame)


def log_losses(target: NDArray[np.float64], said: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is lost with each row, whose mean is the log-loss."""
    clipped = np.clip(said, 1e-6, 1 - 1e-6)
    found: NDArray[np.float64] = -np.where(target > 0, np.log(clipped), np.log1p(-clipped))
    return found


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
