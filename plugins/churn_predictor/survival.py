"""The scorers of how long customers stay active: ``churn.active_4_weeks`` and its like."""

from datetime import timedelta
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining import Contributions
from lifecycle_engine.sdk.features import BUYING_HABITS
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import (
    Amount,
    MinimumData,
    ModelState,
    Probability,
    Progress,
    Scorer,
    no_progress,
    scorers,
)
from lifecycle_engine.sdk.tables import Tables
from plugins.churn_predictor.hazard import Floats, Hazard, HazardConfig, stop_week
from plugins.churn_predictor.kaplan_meier import KaplanMeier

#: A silence of so many days is where a customer has stopped: that of ``churn.risk``.
SILENCE_DAYS = 30
_DAYS_PER_WEEK = 7
_SECONDS_PER_DAY = 86_400.0
#: The baseline is a curve for each so many customers of like recency.
_BANDS = 5


class Active(Scorer):
    """Probability that a customer is still active after so many weeks.

    Active at a moment is who places an order within the 30 days that follow it. A customer stays
    active until the last order before the first 30 days without one, counted from the cut-off date
    on: who has such a silence right after it, and so churns by ``churn.risk``, has stopped at once.

    The outcome is for how many weeks a customer stayed active, no more than are asked about. What
    is judged is whether they were active to the end.
    """

    output: ClassVar[Probability | Amount] = Probability()
    Config: ClassVar[type[Config]] = HazardConfig
    opt_in: ClassVar[bool] = True
    chooses: ClassVar[bool] = False
    features: ClassVar[tuple[str, ...]] = BUYING_HABITS
    history_days: ClassVar[int | None] = 30
    minimum: ClassVar[MinimumData] = MinimumData(customers=200, positives=30, negatives=30)
    #: How many weeks ahead; the silence after them has to be seen as well.
    weeks: ClassVar[int]

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._hazard: Hazard | None = None
        #: Where the bands of recency end, in days, and the curve of each.
        self._ends: list[float] = []
        self._curves: list[list[float]] = []

    @property
    def algorithm(self) -> str:
        """Always the same."""
        return "Discrete-time hazards by gradient boosting"

    def outcome(self, tables: Tables) -> ir.Table:
        """For how many weeks each stayed active, no more than are asked about."""
        orders = tables.orders
        start = tables.moment(timedelta(days=self.horizon_days)).epoch_seconds()
        orders = orders.select(
            orders.customer_id, day=(orders.occurred_at.epoch_seconds() - start) / _SECONDS_PER_DAY
        )
        before = ibis.window(group_by=orders.customer_id, order_by=orders.day)
        orders = orders.mutate(gap=orders.day - orders.day.lag().over(before).fill_null(0.0))
        silent = (orders.gap >= SILENCE_DAYS).cast("int64")
        so_far = ibis.cumulative_window(group_by=orders.customer_id, order_by=orders.day)
        orders = orders.mutate(silences=silent.sum().over(so_far))
        orders = orders.filter(orders.silences == 0)
        last = orders.group_by("customer_id").aggregate(day=orders.day.max())
        weeks = ibis.least(last.day / _DAYS_PER_WEEK, float(self.weeks))
        return last.select("customer_id", target=weeks)

    def truth(self, outcome: "pd.Series[float]") -> "pd.Series[float]":
        """Whether they were active to the end."""
        return (outcome >= self.weeks).astype(float)

    def fit(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        validation: "tuple[pd.DataFrame, pd.Series[float]] | None",
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Learn the hazards, and count the baseline's curves."""
        del validation
        weeks = target.to_numpy(np.float64)
        recency = _recency(frame)
        self._ends = np.quantile(recency, np.arange(1, _BANDS) / _BANDS).tolist()
        band = self._band(frame)
        everybody = self._kaplan_meier(weeks)
        self._curves = [
            self._kaplan_meier(weeks[band == one]) if (band == one).any() else everybody
            for one in range(_BANDS)
        ]
        self._hazard = Hazard.fit(frame, weeks, most=self.weeks, config=self.config, rng=rng)
        progress(1, 1)

    def curve(self, frame: pd.DataFrame) -> Floats:
        """The probability to be active still at the end of each week: (rows, weeks)."""
        assert self._hazard is not None, "fit or restore the scorer first"  # noqa: S101
        return self._hazard.survival(frame, most=self.weeks)

    def predict(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The end of each customer's curve."""
        return pd.Series(self.curve(frame)[:, -1], index=frame.index, name=self.key)

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds to be active still at the end."""
        assert self._hazard is not None, "fit or restore the scorer first"  # noqa: S101
        return self._hazard.explain(frame, most=self.weeks)

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The end of the Kaplan-Meier curve of customers of like recency."""
        found = np.array([curve[-1] for curve in self._curves])[self._band(frame)]
        return pd.Series(found, index=frame.index, name="kaplan_meier")

    def report_judged(self, frame: pd.DataFrame, outcome: "pd.Series[float]") -> dict[str, Any]:
        """What was said of each week beside what came true, for everybody and by thirds."""
        weeks, said = outcome.to_numpy(np.float64), self.curve(frame)
        alive = weeks[:, None] >= np.arange(1, self.weeks + 1)
        naive = np.array(self._curves)[self._band(frame)]
        ends = np.quantile(said[:, -1], [1 / 3, 2 / 3])
        third = np.searchsorted(ends, said[:, -1], side="right")
        groups = {"everybody": np.ones(len(weeks), dtype=bool)}
        groups |= {name: third == place for place, name in enumerate(("low", "middle", "high"))}
        return {
            "survival": {
                # The mean squared error over customers and weeks (Graf et al. 1999).
                "error": float(((said - alive) ** 2).mean()),
                "error_baseline": float(((naive - alive) ** 2).mean()),
                "groups": [
                    {"group": name, "points": self._points(weeks[chosen], said[chosen])}
                    for name, chosen in groups.items()
                    if chosen.any()
                ],
            }
        }

    def state(self) -> ModelState:
        """The hazards and the baseline's curves."""
        assert self._hazard is not None, "fit the scorer first"  # noqa: S101
        return ModelState(
            estimators={"hazard": self._hazard.estimator},
            params={"ends": self._ends, "curves": self._curves},
        )

    def restore(self, state: ModelState) -> None:
        """Become the model that was stored."""
        estimator: Any = state.estimators["hazard"]
        self._hazard = Hazard(estimator)
        self._ends, self._curves = state.params["ends"], state.params["curves"]

    def _kaplan_meier(self, weeks: Floats) -> list[float]:
        found = KaplanMeier.fit(*stop_week(weeks, most=self.weeks), weeks=self.weeks)
        return [float(one) for one in found.survival]

    def _band(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        return np.searchsorted(self._ends, _recency(frame), side="left")

    def _points(self, weeks: Floats, said: Floats) -> list[dict[str, float]]:
        """Each week's figures, as of people of whom all is known to the end."""
        found = KaplanMeier.fit(*stop_week(weeks, most=self.weeks), weeks=self.weeks)
        low, high = found.interval()
        columns = zip(said.mean(axis=0), found.survival, low, high, found.at_risk, strict=True)
        names = ("said", "came_true", "low", "high", "at_risk")
        return [
            {"week": week} | dict(zip(names, map(float, values), strict=True))
            for week, values in enumerate(columns, start=1)
        ]


@scorers.register
class Active4Weeks(Active):
    """Probability that a customer is still active after four weeks."""

    key: ClassVar[str] = "churn.active_4_weeks"
    label: ClassVar[Any] = _("Still active after 4 weeks")
    weeks: ClassVar[int] = 4
    horizon_days: ClassVar[int] = 4 * _DAYS_PER_WEEK + SILENCE_DAYS


@scorers.register
class Active13Weeks(Active):
    """Probability that a customer is still active after a quarter."""

    key: ClassVar[str] = "churn.active_13_weeks"
    label: ClassVar[Any] = _("Still active after 13 weeks")
    weeks: ClassVar[int] = 13
    horizon_days: ClassVar[int] = 13 * _DAYS_PER_WEEK + SILENCE_DAYS


@scorers.register
class Active26Weeks(Active):
    """Probability that a customer is still active after half a year."""

    key: ClassVar[str] = "churn.active_26_weeks"
    label: ClassVar[Any] = _("Still active after 26 weeks")
    weeks: ClassVar[int] = 26
    horizon_days: ClassVar[int] = 26 * _DAYS_PER_WEEK + SILENCE_DAYS


def _recency(frame: pd.DataFrame) -> Floats:
    found: Floats = np.nan_to_num(frame["recency_days"].to_numpy(np.float64), nan=0.0)
    return found
