"""The scorer ``churn.risk``."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import Field

from lifecycle_engine.sdk.dense import DenseConfig
from lifecycle_engine.sdk.explaining import Contributions
from lifecycle_engine.sdk.features import BUYING_HABITS
from lifecycle_engine.sdk.fitting import (
    Calibrated,
    Calibration,
    Method,
    balanced_weights,
    calibrated_fit,
    calibration_choose,
)
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import (
    ModelState,
    Progress,
    no_progress,
    scorers,
)
from lifecycle_engine.sdk.trials import Trial
from lifecycle_engine.sdk.tuning import (
    TREES_SPACE,
    Search,
    SearchConfig,
    judged_apart,
    searched,
    trees_default,
)
from plugins.churn_predictor.augmentation import AugmentConfig, MadeUp, augmented
from plugins.churn_predictor.candidates import (
    Boosting,
    Candidate,
    candidate_restored,
    candidate_state,
    log_losses,
)
from plugins.churn_predictor.network import Network
from plugins.churn_predictor.question import Churn, seed_drawn
from plugins.churn_predictor.sequence import ChurnSequence
from plugins.churn_predictor.survival import Active4Weeks, Active13Weeks, Active26Weeks

__all__ = [
    "Active4Weeks",
    "Active13Weeks",
    "Active26Weeks",
    "ChurnConfig",
    "ChurnRisk",
    "ChurnSequence",
]


class ChurnConfig(Config):
    """Which models compete, and how they are trained."""

    candidates: tuple[Literal["boosting", "network"], ...] = Field(
        default=("boosting", "network"), min_length=1
    )
    calibrations: tuple[Method, ...] = ("platt", "isotonic")
    balanced: bool = False
    trees: int = Field(default=120, ge=10, le=2000)
    network: DenseConfig = DenseConfig()
    augmentation: AugmentConfig = AugmentConfig()
    #: Of better settings for the boosting.
    search: SearchConfig = SearchConfig()


@scorers.register
class ChurnRisk(Churn):
    """Probability that a customer who has bought before places no order in the next 30 days.

    Gradient boosting and a network compete on the window for choices; the lower log-loss wins,
    since it judges both the order of customers and how honest the probabilities are. While they
    compete each is fitted on the older cut-off dates and calibrated on the newest; a calibration
    stays only where it helps on the window for choices. The window on which the model is judged
    sees none of this.

    Where the configuration says so, the winner is tried with made-up churners among its training
    rows, over five seeds or more, and has them for good only if they help.

    With a budget for a search the boosting competes with the settings that were best on the window
    for choices. The window that judges is asked what the search was worth, beside the boosting of
    the configuration on the same rows with the same seed.
    """

    key: ClassVar[str] = "churn.risk"
    label: ClassVar[Any] = _("Churn risk")
    Config: ClassVar[type[Config]] = ChurnConfig
    features: ClassVar[tuple[str, ...]] = BUYING_HABITS

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._chosen: str = ""
        self._method: Method | Literal[""] = ""
        self._model: Candidate | None = None
        self._calibration = Calibration()
        self._tried: dict[str, dict[str, Any]] = {}
        self._trial: Trial | None = None
        self._augments = False
        self._made_up = MadeUp()
        self._settings: Mapping[str, Any] = self._default_settings
        self._search: Search | None = None
        # Of the configuration's settings: for the window that judges, and gone afterwards.
        self._unsearched: Calibrated[Candidate] | None = None
        self._is_to_be_judged = False

    @property
    def algorithm(self) -> str:
        """Which candidate won."""
        name = {"boosting": "Gradient boosting", "network": "Neural network"}[self._chosen]
        name += ", with made-up churners" if self._augments else ""
        return f"{name}, calibrated" if self._method else name

    def report(self) -> dict[str, Any]:
        """All candidates with their quality on the window for choices."""
        return {
            "chosen": self._chosen,
            "calibration": self._method or "none",
            "balanced": self.config.balanced,
            "chosen_by": "log_loss",
            "candidates": self._tried,
            "augmentation": {
                "tried": self._trial is not None,
                "used": self._augments,
                **self._made_up.as_json(),
            },
            "trials": [self._trial.as_json()] if self._trial else [],
            "search": self._search.as_json() if self._search else None,
        }

    def report_judged(self, frame: pd.DataFrame, outcome: "pd.Series[float]") -> dict[str, Any]:
        """What the search was worth, beside the boosting of the configuration."""
        if self._search is None or self._unsearched is None:
            return {}
        truth = outcome.to_numpy(np.float64)
        curve = self._unsearched.curves.get(self._method, Calibration())
        default = curve.apply(self._unsearched.model.predict(frame))
        found = self.predict(frame).to_numpy(np.float64)
        apart = judged_apart(log_losses(truth, default), log_losses(truth, found))
        return {"search": self._search.as_json(judged=apart)}

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
        self.baseline_fit(frame, target)
        if validation:
            self._choose(frame, target, validation, rng, progress)
            return
        methods: tuple[Method, ...] = (self._method,) if self._method else ()
        seed = seed_drawn(rng)
        fit = partial(self._fit_one, self._chosen, frame, target, methods, seed, progress)
        fitted = fit(augments=self._augments)
        self._model = fitted.model
        self._calibration = fitted.curves.get(self._method, Calibration())
        self._unsearched = None
        if self._is_to_be_judged and self._search and self._search.found:
            self._unsearched = fit(augments=self._augments, settings=self._default_settings)
        self._is_to_be_judged = False

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The risk of each customer."""
        assert self._model is not None, "fit or restore the scorer first"  # noqa: S101
        found = self._calibration.apply(self._model.predict(frame)) if len(frame) else np.empty(0)
        return pd.Series(found, index=frame.index, name=self.key)

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds of the risk."""
        assert self._model is not None, "fit or restore the scorer first"  # noqa: S101
        return self._calibration.explain(self._model.explain(frame))

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
                "calibration": self._calibration.as_params(),
            },
        )

    def restore(self, state: ModelState) -> None:
        """Become the model that was stored."""
        recency: Any = state.estimators["recency"]
        self._recency = recency
        self._chosen = state.params["chosen"]
        self._calibration = Calibration.from_params(state.params["calibration"])
        self._method = self._calibration.method
        self._model = candidate_restored(self._chosen, state)

    def _choose(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        validation: "tuple[pd.DataFrame, pd.Series[float]]",
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        self._tried, models = {}, {}
        self._settings, self._search = self._default_settings, None
        for name in self.config.candidates:
            methods, seed = self.config.calibrations, seed_drawn(rng)
            if name == "boosting" and self.config.search.wanted:
                self._boosting_search(frame, target, validation, seed, progress)
            fitted = self._fit_one(name, frame, target, methods, seed, progress)
            curve, self._tried[name] = _quality(fitted, *validation)
            models[name] = fitted.model, curve
        self._chosen = min(self._tried, key=lambda name: float(self._tried[name]["log_loss"]))
        self._model, self._calibration = models[self._chosen]
        self._method = self._calibration.method
        self._augments, self._is_to_be_judged = False, self._chosen == "boosting"
        if self.config.augmentation.tried:
            self._augment_try(frame, target, validation, rng, progress)

    @property
    def _default_settings(self) -> dict[str, Any]:
        # Few features for each tree.
        return trees_default(trees=self.config.trees, max_features=0.5)

    def _boosting_search(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        validation: "tuple[pd.DataFrame, pd.Series[float]]",
        seed: int,
        progress: Progress,
    ) -> None:
        """Look for settings with which the boosting does better on the window for choices."""

        def loss(settings: Mapping[str, Any]) -> float:
            methods = self.config.calibrations
            fitted = self._fit_one(
                *("boosting", frame, target, methods, seed, no_progress), settings=settings
            )
            return float(_quality(fitted, *validation)[1]["log_loss"])

        self._search = searched(
            loss,
            space=TREES_SPACE,
            default=self._settings,
            budget=self.config.search,
            seed=seed,
            metric="log_loss",
            progress=progress,
        )
        self._settings = self._search.best.settings

    def _augment_try(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        validation: "tuple[pd.DataFrame, pd.Series[float]]",
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """See with several seeds whether the winner is better with made-up churners."""
        found: dict[bool, list[float]] = {False: [], True: []}
        methods: list[Method | Literal[""]] = []
        seeds = [seed_drawn(rng) for _ in range(self.config.augmentation.seeds)]
        for done, seed in enumerate(seeds, start=1):
            for augments in (False, True):
                fitted = self._fit_one(
                    *(self._chosen, frame, target, self.config.calibrations, seed, no_progress),
                    augments=augments,
                )
                curve, tried = _quality(fitted, *validation)
                found[augments].append(tried["log_loss"])
            # Of the last one, with made-up churners.
            methods.append(curve.method)
            progress(done, len(seeds))
        self._trial = Trial(
            name=gettext_noop("Made-up churners (WGAN-GP)"),
            metric="log_loss",
            higher_is_better=False,
            without=tuple(found[False]),
            having=tuple(found[True]),
        )
        self._augments = self._trial.helps
        if self._augments:
            # Rarer outcomes made common want a calibration more than others do.
            self._method = Counter(methods).most_common(1)[0][0]

    def _fit_one(
        self,
        name: str,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        methods: tuple[Method, ...],
        seed: int,
        progress: Progress,
        *,
        augments: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> Calibrated[Candidate]:
        def fit(rows: pd.DataFrame, truth: "pd.Series[float]") -> Candidate:
            if augments:
                # Only of the rows that are learned from: those that calibrate are not among them.
                wanted = self.config.augmentation
                rows, truth, self._made_up = augmented(rows, truth, config=wanted, seed=seed)
            weights = balanced_weights(truth) if self.config.balanced else None
            if name == "boosting":
                wanted_settings = settings or self._settings
                return Boosting.fit(
                    rows, truth, settings=wanted_settings, seed=seed, weights=weights
                )
            network = self.config.network
            return Network.fit(
                rows, truth, config=network, seed=seed, progress=progress, weights=weights
            )

        return calibrated_fit(
            fit,
            lambda model, rows: model.predict(rows),
            frame=frame,
            target=target,
            horizon_days=self.horizon_days,
            methods=methods,
        )


def _quality(
    fitted: Calibrated[Candidate], frame: pd.DataFrame, target: "pd.Series[float]"
) -> tuple[Calibration, dict[str, Any]]:
    """The calibration that helps, and how good the candidate is with it."""
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

    raw, truth = fitted.model.predict(frame), target.to_numpy()
    curve, brier = calibration_choose(fitted.curves, probability=raw, target=truth)
    chosen = curve.apply(raw)
    return curve, {
        "calibration": curve.method or "none",
        "brier": brier,
        "log_loss": float(log_loss(truth, np.clip(chosen, 1e-6, 1 - 1e-6))),
        "auc": float(roc_auc_score(truth, chosen)),
        "average_precision": float(average_precision_score(truth, chosen)),
    }
