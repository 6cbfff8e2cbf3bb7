"""The scorer ``churn.sequence``."""

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.explaining import Contributions
from lifecycle_engine.sdk.fitting import Calibration, Method, calibrated_choice
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import ModelState, Progress, no_progress, scorers
from lifecycle_engine.sdk.sequences import SequenceSpec
from plugins.churn_predictor.question import Churn, seed_drawn
from plugins.churn_predictor.recurrent import Recurrent, RecurrentConfig


class ChurnSequenceConfig(Config):
    """How the network is trained, and which calibrations are tried."""

    network: RecurrentConfig = RecurrentConfig()
    calibrations: tuple[Method, ...] = ("platt",)


@scorers.register
class ChurnSequence(Churn):
    """The question of ``churn.risk``, answered from the last 50 events instead of features.

    It is a scorer of its own and no candidate of ``churn.risk``, whose frames would then carry
    sequences for everybody. Off until staff switch it on: it costs more than boosting, and on the
    demo's data says less.
    """

    key: ClassVar[str] = "churn.sequence"
    label: ClassVar[Any] = _("Churn risk, from sequences of events")
    Config: ClassVar[type[Config]] = ChurnSequenceConfig
    opt_in: ClassVar[bool] = True
    # For the baseline alone.
    features: ClassVar[tuple[str, ...]] = ("recency_days",)
    sequence: ClassVar[SequenceSpec] = SequenceSpec(last=50, of="events")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._model: Recurrent | None = None
        self._method: Method | Literal[""] = ""
        self._calibration = Calibration()
        self._brier: dict[str, float] = {}

    @property
    def algorithm(self) -> str:
        """Always the same, with or without a calibration."""
        name = "Recurrent network (GRU) over the last events"
        return f"{name}, calibrated" if self._method else name

    def report(self) -> dict[str, Any]:
        """What the network knows, and what calibration did on the window for choices."""
        tokens = 0 if self._model is None else len(self._model.arrays["vocabulary"])
        return {
            "calibration": self._method or "none",
            "brier": self._brier,
            "tokens": tokens,
            "last": self.config.network.last,
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
        """Train, and see whether a calibration helps; or, without ``validation``, train again."""
        self.baseline_fit(frame, target)
        seed = seed_drawn(rng)
        chosen = calibrated_choice(
            lambda rows, truth: Recurrent.fit(
                *(rows, truth),
                spec=self.sequence,
                config=self.config.network,
                seed=seed,
                progress=progress,
            ),
            lambda model, rows: model.predict(rows, self.sequence),
            frame=frame,
            target=target,
            validation=validation,
            horizon_days=self.horizon_days,
            methods=self.config.calibrations,
            kept=self._method,
        )
        self._model, self._calibration = chosen.model, chosen.calibration
        if validation:
            self._method, self._brier = chosen.calibration.method, dict(chosen.brier)

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The risk of each customer; it takes no TensorFlow."""
        assert self._model is not None, "fit or restore the scorer first"  # noqa: S101
        found = self._calibration.apply(self._model.predict(frame, self.sequence))
        return pd.Series(found, index=frame.index, name=self.key)

    def explain(self, frame: pd.DataFrame) -> Contributions | None:
        """What each event's kind, time and amount added to the log-odds; it takes no TensorFlow.

        None of a model of before 2.2, which does not know the average customer.
        """
        assert self._model is not None, "fit or restore the scorer first"  # noqa: S101
        if "average" not in self._model.arrays:
            return None
        return self._calibration.explain(self._model.explain(frame, self.sequence))

    def state(self) -> ModelState:
        """The network's arrays, its calibration and the baseline's curve."""
        assert self._model is not None, "fit the scorer first"  # noqa: S101
        return ModelState(
            estimators={"recency": self._recency},
            arrays=self._model.arrays,
            params={
                "last": self.config.network.last,
                "calibration": self._calibration.as_params(),
            },
        )

    def restore(self, state: ModelState) -> None:
        """Become the model that was stored."""
        recency: Any = state.estimators["recency"]
        self._recency = recency
        self._calibration = Calibration.from_params(state.params["calibration"])
        self._method = self._calibration.method
        self._model = Recurrent(state.arrays, last=state.params["last"])
