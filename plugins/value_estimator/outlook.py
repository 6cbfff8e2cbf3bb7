"""What BG/NBD and Gamma-Gamma alone say: years ahead, of leaving, of the next order."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining import Contributions, few_contributions
from lifecycle_engine.sdk.fitting import log_odds
from lifecycle_engine.sdk.scorers import (
    MinimumData,
    ModelState,
    Probability,
    Progress,
    Scorer,
    no_progress,
)
from plugins.value_estimator.parametric import FEATURES, Parametric, newest

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recency:
    """How likely customers are to order again after a silence: a logistic curve over its log."""

    slope: float = 0.0
    intercept: float = 0.0

    @classmethod
    def fit(cls, frame: pd.DataFrame, target: Floats) -> Self:
        """Fit to whether there was an order."""
        from sklearn.linear_model import LogisticRegression

        some = target > 0
        if some.all() or not some.any():
            return cls(0.0, 30.0 if some.any() else -30.0)
        curve = LogisticRegression().fit(_log_silence(frame)[:, None], some)
        return cls(float(curve.coef_[0, 0]), float(curve.intercept_[0]))

    def probability(self, frame: pd.DataFrame) -> Floats:
        """The curve at each customer's silence."""
        log_odds = self.slope * _log_silence(frame) + self.intercept
        found: Floats = 1.0 / (1.0 + np.exp(-log_odds))
        return found


class Outlook(Scorer):
    """A question that the parametric models answer from what customers have done so far.

    They learn from no outcome, so there is nothing to choose, and one cut-off date is enough. What
    can't be seen within ``horizon_days`` is judged by what of it can.
    """

    horizon_days: ClassVar[int] = 90
    chooses: ClassVar[bool] = False
    cutoff_count: ClassVar[int] = 1
    minimum: ClassVar[MinimumData] = MinimumData(customers=100)
    features: ClassVar[tuple[str, ...]] = FEATURES
    #: What the outcomes are compared with, for the model card.
    judged_by: ClassVar[str]

    models: Parametric
    recency: Recency

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._figures: dict[str, float] = {}

    @property
    def algorithm(self) -> str:
        """Always the same."""
        return "BG/NBD with Gamma-Gamma"

    def report(self) -> dict[str, Any]:
        """The parameters, what is judged, and how it compares with the newest known outcomes."""
        return {
            "parameters": self.models.params(),
            "judged_by": self.judged_by,
            "newest_outcomes": self._figures,
        }

    def fit(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        validation: "tuple[pd.DataFrame, pd.Series[float]] | None",
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Fit the models to the newest histories; what came of these is for the card alone."""
        del validation, rng
        rows = newest(frame)
        outcomes = target[rows].to_numpy(np.float64)
        self.models = Parametric.fit(frame)
        self.recency = Recency.fit(frame[rows], outcomes)
        self._figures = self.figures(frame[rows], outcomes)
        progress(1, 1)

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """What is expected of each customer."""
        return pd.Series(self.expected(frame), index=frame.index, name=self.key)

    def judged(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """What of it can be seen within ``horizon_days``."""
        return pd.Series(self.observable(frame), index=frame.index, name=self.key)

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added beside the median customer's, exactly, since they are few."""

        def output(rows: pd.DataFrame) -> Floats:
            found = self.expected(rows)
            return log_odds(found) if isinstance(self.output, Probability) else found

        return few_contributions(frame, average=self.models.average, output=output)

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """What one would say without a model of what can be seen."""
        return pd.Series(self.naive(frame), index=frame.index, name="naive")

    def state(self) -> ModelState:
        """The parameters, and the baseline's curve."""
        return ModelState(
            params={
                "models": self.models.params(),
                "average": dict(self.models.average),
                "recency": asdict(self.recency),
            }
        )

    def restore(self, state: ModelState) -> None:
        """Become the model that was stored."""
        self.models = Parametric.restored(state.params["models"], state.params["average"])
        self.recency = Recency(**state.params["recency"])

    def expected(self, frame: pd.DataFrame) -> Floats:
        """What is published."""
        raise NotImplementedError

    def observable(self, frame: pd.DataFrame) -> Floats:
        """What is compared with the outcome."""
        raise NotImplementedError

    def naive(self, frame: pd.DataFrame) -> Floats:
        """What ``observable`` has to beat."""
        raise NotImplementedError

    def figures(self, frame: pd.DataFrame, target: Floats) -> dict[str, float]:
        """For the card: what was expected of histories, and what came of them."""
        return {
            "expected_mean": float(self.observable(frame).mean()),
            "actual_mean": float(target.mean()),
        }


def _log_silence(frame: pd.DataFrame) -> Floats:
    days = frame["recency_days"].to_numpy(np.float64)
    found: Floats = np.nan_to_num(np.log1p(np.maximum(days, 0.0)), nan=0.0)
    return found
