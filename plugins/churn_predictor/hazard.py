"""How likely a customer who is still there is to stop in each week: hazards in discrete time."""

from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.explaining import (
    Contributions,
    contributions_mixed,
    tree_contributions,
)
from lifecycle_engine.sdk.fitting import SHALLOW_TREES, tree_values
from lifecycle_engine.sdk.registry import Config

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

Floats: TypeAlias = NDArray[np.float64]

#: Rows that are predicted at once, a row being a customer's week.
_ROWS = 200_000


class HazardConfig(Config):
    """How the hazards are learned."""

    trees: int = Field(default=120, ge=10, le=2000)
    #: Customers' weeks that are learned from, drawn where there are more: bounds memory.
    person_weeks_most: int = Field(default=400_000, ge=1_000)


def stop_week(weeks: Floats, *, most: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """In which week each customer stopped, from 1 on, and who did.

    Args:
        weeks: for how many weeks each stayed active, ``most`` for those who were until the end.
        most: how many weeks were watched.
    """
    stopped = weeks < most
    return np.where(stopped, np.floor(weeks) + 1, most).astype(np.int64), stopped


class Hazard:
    """Gradient boosting over customers' weeks: one row for each that a customer began active.

    The likelihood of such rows is that of survival in discrete time, so any classifier of them that
    gives probabilities estimates hazards (Singer & Willett 1993). The week is a feature; the others
    are those of the cut-off date in every week.
    """

    def __init__(self, estimator: "HistGradientBoostingClassifier") -> None:
        self.estimator = estimator

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        weeks: Floats,
        *,
        most: int,
        config: HazardConfig,
        rng: np.random.Generator,
    ) -> Self:
        """Learn from how long customers stayed active.

        Args:
            frame: the features.
            weeks: for how many weeks each stayed active, ``most`` for until the end.
            most: how many weeks were watched.
            config: how.
            rng: draws the rows, and the features of the trees.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        last, stopped = stop_week(weeks, most=most)
        customer = np.repeat(np.arange(len(last)), last)
        week = np.arange(len(customer)) - np.repeat(np.cumsum(last) - last, last) + 1
        event = stopped[customer] & (week == last[customer])
        if len(customer) > config.person_weeks_most:
            drawn = np.sort(rng.choice(len(customer), config.person_weeks_most, replace=False))
            customer, week, event = customer[drawn], week[drawn], event[drawn]
        estimator = HistGradientBoostingClassifier(
            max_iter=config.trees,
            max_features=0.5,
            random_state=int(rng.integers(2**31)),
            **SHALLOW_TREES,
        )
        rows = np.column_stack([tree_values(frame)[customer], week])
        return cls(estimator.fit(rows, event))

    def survival(self, frame: pd.DataFrame, *, most: int) -> Floats:
        """The probability to be active still at the end of each week: (rows, weeks), falling."""
        values = frame.to_numpy(np.float64)
        found = np.empty((len(values), most))
        at_once = max(1, _ROWS // most)
        for start in range(0, len(values), at_once):
            some = values[start : start + at_once]
            week = np.tile(np.arange(1, most + 1), len(some))
            rows = np.column_stack([np.repeat(some, most, axis=0), week])
            hazard = self.estimator.predict_proba(rows)[:, 1].reshape(len(some), most)
            found[start : start + at_once] = np.cumprod(1.0 - hazard, axis=1)
        return found

    def explain(self, frame: pd.DataFrame, *, most: int) -> Contributions:
        """What each feature added to the log-odds to be active still at the end.

        The probability to stay is the product of those of the weeks, so its logarithm adds their
        logarithms up, and the contributions to these, each of which is a function of the log-odds
        that the trees add up in that week.
        """
        weeks = [
            tree_contributions(self.estimator, frame, last=week).scaled(-1.0).through(_log_sigmoid)
            for week in range(1, most + 1)
        ]
        return contributions_mixed([(1.0, one) for one in weeks]).through(_log_odds_of_log)


def _log_sigmoid(signal: Floats) -> Floats:
    found: Floats = -np.logaddexp(0.0, -signal)
    return found


def _log_odds_of_log(log_probability: Floats) -> Floats:
    """The log-odds of a probability of which the logarithm is known, which is below 0."""
    below = np.minimum(log_probability, -1e-9)
    found: Floats = below - np.log(-np.expm1(below))
    return found
