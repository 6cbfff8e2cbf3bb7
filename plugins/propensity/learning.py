"""How a propensity is learned, whatever the target: trees, calibrated, beside the past alone."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.explaining import Contributions, tree_contributions
from lifecycle_engine.sdk.features import BUYING_HABITS
from lifecycle_engine.sdk.fitting import (
    SHALLOW_TREES,
    Calibration,
    Method,
    calibrated_choice,
    tree_values,
)
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import (
    Amount,
    MinimumData,
    ModelState,
    Probability,
    Progress,
    Scorer,
    no_progress,
)
from lifecycle_engine.sdk.tables import Tables
from plugins.propensity.past import NAMES, own_rate, past

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

#: What says that somebody is about to act: what they looked at, and what they were sent.
ENGAGEMENT = (
    "browsing_recency_days",
    "products_viewed_30d",
    "products_added_30d",
    "searches_30d",
    "emails_sent_90d",
    "email_open_rate_90d",
    "email_click_rate_90d",
    "coupons_issued_90d",
    "coupon_redemption_rate_365d",
    "weekend_share_90d",
    "orders_slope_12w",
    "gap_days_median",
)


class PropensityConfig(Config):
    """How the model is trained."""

    calibrations: tuple[Method, ...] = ("platt", "isotonic")
    trees: int = Field(default=120, ge=10, le=2000)


class Propensity(Scorer):
    """Probability that something comes true of a customer within the horizon.

    A subclass says what (``came_true``), of whom (``population``) and within how many days. The
    same is asked of the windows before the cut-off: that a customer does something about every
    fourth week says most of whether they do next week. The baseline knows that and nothing else.
    """

    Config: ClassVar[type[Config]] = PropensityConfig
    output: ClassVar[Probability | Amount] = Probability()
    wanted: ClassVar[Literal["higher", "lower"]] = "higher"
    features: ClassVar[tuple[str, ...]] = BUYING_HABITS + ENGAGEMENT
    own_feature_names: ClassVar[tuple[str, ...]] = NAMES
    #: As many outcomes as an AUC needs to be known to about five hundredths.
    minimum: ClassVar[MinimumData] = MinimumData(customers=200, positives=50, negatives=50)
    #: What has to come true, in words.
    sentence: ClassVar[Any] = ""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._trees: HistGradientBoostingClassifier | None = None
        self._past: LogisticRegression | None = None
        self._calibration = Calibration()
        self._method: Method | Literal[""] = ""
        self._brier: dict[str, float] = {}

    def came_true(self, window: Tables) -> ir.Table:
        """Of whom it came true in the window, as a table of ``customer_id``."""
        raise NotImplementedError

    @property
    def algorithm(self) -> str:
        """Whether it is calibrated."""
        return "Gradient boosting, calibrated" if self._method else "Gradient boosting"

    def report(self) -> dict[str, Any]:
        """What it is about, and what the calibration came to."""
        return {
            "target": str(self.sentence),
            "calibration": self._method or "none",
            "brier": self._brier,
            "baseline": self.before_words,
        }

    def outcome(self, tables: Tables) -> ir.Table:
        """1 for everybody of whom it came true; the others are missing, which means 0."""
        true = self.came_true(tables).select("customer_id").distinct()
        return true.mutate(target=ibis.literal(1.0))

    def own_features(self, tables: Tables) -> ir.Table | None:
        """The same question, asked of the windows before."""
        return past(tables, self.came_true, horizon_days=self.horizon_days)

    def before(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """What the baseline goes by: a few columns, without NaN."""
        return own_rate(frame)

    @property
    def before_words(self) -> str:
        """What that is, for the card."""
        return "how often and how lately it came true in windows before"

    def fit(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        validation: "tuple[pd.DataFrame, pd.Series[float]] | None",
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Fit trees and baseline; with ``validation`` choose the calibration, else keep it."""
        from sklearn.linear_model import LogisticRegression

        self._past = LogisticRegression().fit(self.before(frame), target.to_numpy())
        seed = int(rng.integers(2**31))
        chosen = calibrated_choice(
            lambda rows, truth: _trees_fit(rows, truth, trees=self.config.trees, seed=seed),
            _said,
            frame=frame,
            target=target,
            validation=validation,
            horizon_days=self.horizon_days,
            methods=self.config.calibrations,
            kept=self._method,
        )
        self._trees, self._calibration = chosen.model, chosen.calibration
        if validation:
            self._method, self._brier = chosen.calibration.method, dict(chosen.brier)
        progress(1, 1)

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The probability of each customer."""
        assert self._trees is not None, "fit or restore the scorer first"  # noqa: S101
        found = self._calibration.apply(_said(self._trees, frame)) if len(frame) else np.empty(0)
        return pd.Series(found, index=frame.index, name=self.key)

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds."""
        assert self._trees is not None, "fit or restore the scorer first"  # noqa: S101
        return self._calibration.explain(tree_contributions(self._trees, frame))

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """What is known without a model, by a logistic curve (``before``)."""
        assert self._past is not None, "fit or restore the scorer first"  # noqa: S101
        found = self._past.predict_proba(self.before(frame))[:, 1] if len(frame) else np.empty(0)
        return pd.Series(found, index=frame.index, name="past")

    def state(self) -> ModelState:
        """Trees, calibration and the baseline's curve."""
        assert self._trees is not None, "fit the scorer first"  # noqa: S101
        assert self._past is not None, "fit the scorer first"  # noqa: S101
        return ModelState(
            estimators={"trees": self._trees, "past": self._past},
            params={"calibration": self._calibration.as_params()},
        )

    def restore(self, state: ModelState) -> None:
        """Become the model that was stored."""
        trees: Any = state.estimators["trees"]
        before: Any = state.estimators["past"]
        self._trees, self._past = trees, before
        self._calibration = Calibration.from_params(state.params["calibration"])
        self._method = self._calibration.method


def _trees_fit(
    frame: pd.DataFrame, target: "pd.Series[float]", *, trees: int, seed: int
) -> "HistGradientBoostingClassifier":
    """Few features for each tree, as for churn."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    estimator = HistGradientBoostingClassifier(
        max_iter=trees,
        max_features=0.5,
        random_state=seed,
        **SHALLOW_TREES,
    )
    return estimator.fit(tree_values(frame), target.to_numpy())


def _said(model: "HistGradientBoostingClassifier", frame: pd.DataFrame) -> NDArray[np.float64]:
    found: NDArray[np.float64] = model.predict_proba(frame.to_numpy())[:, 1]
    return found
