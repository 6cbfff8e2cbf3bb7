"""The scorer ``churn.risk``."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from pydantic import Field

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
    scorers,
)
from lifecycle_engine.sdk.tables import Tables
from plugins.churn_predictor.candidates import (
    Boosting,
    Calibration,
    Candidate,
    candidate_restored,
    candidate_state,
)
from plugins.churn_predictor.network import Network, NetworkConfig

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

#: Calibration is kept where it lowers the Brier score by at least this share of it; less is noise.
_CALIBRATION_GAIN = 0.01


class ChurnConfig(Config):
    """Which models compete, and how they are trained."""

    candidates: tuple[Literal["boosting", "network"], ...] = Field(
        default=("boosting", "network"), min_length=1
    )
    trees: int = Field(default=120, ge=10, le=2000)
    network: NetworkConfig = NetworkConfig()


@scorers.register
class ChurnRisk(Scorer):
    """Probability that a customer who has bought before places no order in the next 30 days.

    Gradient boosting and a network compete on the validation window; the lower log-loss wins, since
    it judges both the order of customers and how honest the probabilities are. Each is fitted on
    the older cut-off dates and calibrated on the newest, which it has not learned from; the
    calibration stays only where it helps on the validation window.
    """

    key: ClassVar[str] = "churn.risk"
    label: ClassVar[Any] = _("Churn risk")
    Config: ClassVar[type[Config]] = ChurnConfig
    output: ClassVar[Probability | Amount] = Probability()
    wanted: ClassVar[Literal["higher", "lower"]] = "lower"
    outcome_missing: ClassVar[float] = 1.0
    features: ClassVar[tuple[str, ...]] = BUYING_HABITS

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._chosen: str = ""
        self._calibrated = False
        self._model: Candidate | None = None
        self._calibration = Calibration()
        self._recency: LogisticRegression | None = None
        self._tried: dict[str, dict[str, Any]] = {}

    @property
    def algorithm(self) -> str:
        """Which candidate won."""
        name = {"boosting": "Gradient boosting", "network": "Neural network"}[self._chosen]
        return f"{name}, calibrated" if self._calibrated else name

    def report(self) -> dict[str, Any]:
        """All candidates with their quality on the validation window."""
        return {
            "chosen": self._chosen,
            "calibrated": self._calibrated,
            "chosen_by": "log_loss",
            "candidates": self._tried,
        }

    def outcome(self, tables: Tables) -> ir.Table:
        """0 for everybody who places an order; the others are missing, which means 1."""
        buyers = tables.orders.select("customer_id").distinct()
        return buyers.mutate(target=ibis.literal(0.0))

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
        from sklearn.linear_model import LogisticRegression

        self._recency = LogisticRegression().fit(_recency(frame), target.to_numpy())
        names = self.config.candidates if validation else (self._chosen,)
        fitted = {
            name: self._fit_one(name, frame, target, int(rng.integers(2**31)), progress)
            for name in names
        }
        if validation:
            self._tried = {name: _quality(*fitted[name], *validation) for name in names}
            self._chosen = min(names, key=lambda name: float(self._tried[name]["log_loss"]))
            self._calibrated = bool(self._tried[self._chosen]["calibrated"])
        self._model, calibration = fitted[self._chosen]
        self._calibration = calibration if self._calibrated else Calibration()

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The risk of each customer."""
        assert self._model is not None, "fit or restore the scorer first"  # noqa: S101
        found = self._calibration.apply(self._model.predict(frame)) if len(frame) else np.empty(0)
        return pd.Series(found, index=frame.index, name=self.key)

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds of the risk."""
        assert self._model is not None, "fit or restore the scorer first"  # noqa: S101
        return self._calibration.explain(self._model.explain(frame))

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """Recency alone, as a probability: who has been away longer is likelier to stay away."""
        assert self._recency is not None, "fit or restore the scorer first"  # noqa: S101
        found = self._recency.predict_proba(_recency(frame))[:, 1] if len(frame) else np.empty(0)
        return pd.Series(found, index=frame.index, name="recency")

    def state(self) -> ModelState:
        """The chosen candidate, its calibration and the baseline's curve."""
        assert self._model is not None, "fit the scorer first"  # noqa: S101
        assert self._recency is not None, "fit the scorer first"  # noqa: S101
        kept = candidate_state(self._model)
        return ModelState(
            estimators={**kept.estimators, "recency": self._recency},
            arrays=kept.arrays,
            params={
                "chosen": self._chosen,
                "calibrated": self._calibrated,
                "slope": self._calibration.slope,
                "intercept": self._calibration.intercept,
            },
        )

    def restore(self, state: ModelState) -> None:
        """Become the model that was stored."""
        recency: Any = state.estimators["recency"]
        self._recency = recency
        self._chosen = state.params["chosen"]
        self._calibrated = state.params["calibrated"]
        self._calibration = Calibration(state.params["slope"], state.params["intercept"])
        self._model = candidate_restored(self._chosen, state)

    def _fit_one(
        self,
        name: str,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        seed: int,
        progress: Progress,
    ) -> tuple[Candidate, Calibration]:
        cutoff = frame.index.get_level_values("cutoff")
        newest = cutoff == cutoff.max()
        # While choosing everybody is calibrated, to see whether it helps; with one cut-off date
        # only there is no slice to calibrate on.
        apart = not newest.all() and (self._calibrated or not self._chosen)
        rows = ~newest if apart else np.ones(len(frame), dtype=bool)
        model = self._candidate(name, frame[rows], target[rows], seed, progress)
        if not apart or target[newest].nunique() < 2:
            return model, Calibration()
        return model, Calibration.fit(model.predict(frame[newest]), target[newest].to_numpy())

    def _candidate(
        self,
        name: str,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        seed: int,
        progress: Progress,
    ) -> Candidate:
        if name == "boosting":
            return Boosting.fit(frame, target, trees=self.config.trees, seed=seed)
        return Network.fit(frame, target, config=self.config.network, seed=seed, progress=progress)


def _quality(
    model: Candidate, calibration: Calibration, frame: pd.DataFrame, target: "pd.Series[float]"
) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    raw, truth = model.predict(frame), target.to_numpy()
    calibrated = calibration.apply(raw)
    brier, brier_calibrated = (brier_score_loss(truth, p) for p in (raw, calibrated))
    helps = bool(brier_calibrated < brier * (1 - _CALIBRATION_GAIN))
    chosen = calibrated if helps else raw
    return {
        "calibrated": helps,
        "brier_raw": float(brier),
        "brier_calibrated": float(brier_calibrated),
        "log_loss": float(log_loss(truth, np.clip(chosen, 1e-6, 1 - 1e-6))),
        "auc": float(roc_auc_score(truth, chosen)),
        "average_precision": float(average_precision_score(truth, chosen)),
    }


def _recency(frame: pd.DataFrame) -> NDArray[np.float64]:
    days = frame["recency_days"].to_numpy(np.float64)
    found: NDArray[np.float64] = np.nan_to_num(np.log1p(np.maximum(days, 0.0)), nan=0.0)[:, None]
    return found
