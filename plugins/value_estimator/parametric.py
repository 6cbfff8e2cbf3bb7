"""BG/NBD and Gamma-Gamma over the engine's features: what they say of each row of a frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining import Contributions, few_contributions
from plugins.value_estimator.bgnbd import BgNbd, History
from plugins.value_estimator.gamma_gamma import GammaGamma

Floats = NDArray[np.float64]

#: All that the models have to know.
FEATURES = ("recency_days", "tenure_days", "orders_total", "revenue_total")


@dataclass(frozen=True)
class Parametric:
    """Both models, fitted to the same customers; times in days."""

    bgnbd: BgNbd
    gamma_gamma: GammaGamma
    #: The median customer, beside whom reasons are told.
    average: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> Self:
        """Fit both to the newest cut-off date of a training frame, which has each customer once.

        They learn from what customers have done so far, so no outcome is wanted.
        """
        rows = frame[newest(frame)]
        orders, mean = _orders(rows)
        paying = mean > 0
        return cls(
            BgNbd.fit(_history(rows)),
            # Who paid nothing says nothing about prices; without anybody nothing is expected.
            GammaGamma.fit(orders[paying], mean[paying]) if paying.any() else _NO_MONEY,
            _average(rows),
        )

    def spend(self, frame: pd.DataFrame, days: float) -> Floats:
        """What each customer is expected to spend within so many days."""
        orders, mean = _orders(frame)
        orders = np.where(mean > 0, orders, 0.0)
        value = self.gamma_gamma.order_value(orders, mean)
        found: Floats = self.bgnbd.orders(_history(frame), days) * value
        return found

    def explain(self, frame: pd.DataFrame, days: float) -> Contributions:
        """What each feature added to ``spend``, beside the median customer's."""
        average = {name: self.average[name] for name in FEATURES}
        return few_contributions(frame, average=average, output=lambda rows: self.spend(rows, days))

    def explain_recent(self, frame: pd.DataFrame, days: float) -> Contributions:
        """What each feature added to ``spend_recent``, beside the median customer's."""
        average = {name: self.average[name] for name in (*FEATURES, f"revenue_{days}d")}
        return few_contributions(
            frame, average=average, output=lambda rows: self.spend_recent(rows, days)
        )

    def spend_recent(self, frame: pd.DataFrame, days: float) -> Floats:
        """Half of that, and half of what the customer spent in the last so many days.

        The models take the pace of a customer for constant: what it has become lately pulls it.
        """
        found: Floats = (self.spend(frame, days) + recent_spend(frame, days)) / 2.0
        return found

    def alive(self, frame: pd.DataFrame) -> Floats:
        """Probability that the customer has not left."""
        return self.bgnbd.alive(_history(frame))

    def active(self, frame: pd.DataFrame, days: float) -> Floats:
        """Probability of an order within so many days."""
        return self.bgnbd.active(_history(frame), days)

    def next_order(self, frame: pd.DataFrame, share: float) -> Floats:
        """Days until ``share`` of such customers have ordered; infinite if fewer ever do."""
        return self.bgnbd.next_order(_history(frame), share)

    def params(self) -> dict[str, Any]:
        """The parameters, for a model card and to be stored."""
        return {"bgnbd": self.bgnbd.as_json(), "gamma_gamma": self.gamma_gamma.as_json()}

    @classmethod
    def restored(cls, params: dict[str, Any], average: Mapping[str, float] | None = None) -> Self:
        """The models with those parameters, and the median customer where reasons are wanted."""
        bgnbd, gamma_gamma = BgNbd(**params["bgnbd"]), GammaGamma(**params["gamma_gamma"])
        return cls(bgnbd, gamma_gamma, average or {})


_NO_MONEY = GammaGamma(p=1.0, q=2.0, gamma=0.0)


def orders_value_correlation(frame: pd.DataFrame) -> float:
    """How the number of orders goes with their mean value, over who has ordered again; 0 for not.

    That they don't go together is what spend as orders times their value rests on.
    """
    orders, mean = _orders(frame)
    known = (orders > 1) & (mean > 0)
    logs = np.log(np.array([orders[known], mean[known]]))
    if known.sum() < 2 or (np.ptp(logs, axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(logs)[0, 1])


def recent_spend(frame: pd.DataFrame, days: float) -> Floats:
    """What each customer spent in the last so many days, a feature of the library; 0 or more."""
    return np.maximum(_column(frame, f"revenue_{days}d", 0.0), 0.0)


def _average(rows: pd.DataFrame) -> dict[str, float]:
    """The median customer's features, of all that the models and ``spend_recent`` may read."""
    read = [name for name in rows if name in FEATURES or name.startswith("revenue_")]
    return {str(name): float(np.nan_to_num(rows[name].median())) for name in read}


def newest(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows of a training frame are of the newest cut-off date."""
    cutoffs = frame.index.get_level_values("cutoff")
    return np.asarray(cutoffs == cutoffs.max())


def _history(frame: pd.DataFrame) -> History:
    """The three numbers of each customer; a row without orders counts as a first order just now."""
    repeats = _orders(frame)[0] - 1.0
    age: Floats = np.maximum(_column(frame, "tenure_days", 0.0), 0.0)
    recency = np.clip(_column(frame, "recency_days", 0.0), 0.0, age)
    return History(repeats, np.where(repeats > 0, age - recency, 0.0), age)


def _orders(frame: pd.DataFrame) -> tuple[Floats, Floats]:
    """How many orders, 1 or more, and their mean value; returns can bring that below 0."""
    orders = np.maximum(np.floor(_column(frame, "orders_total", 1.0)), 1.0)
    return orders, np.maximum(_column(frame, "revenue_total", 0.0), 0.0) / orders


def _column(frame: pd.DataFrame, name: str, missing: float) -> Floats:
    found: Floats = np.nan_to_num(frame[name].to_numpy(np.float64), nan=missing)
    return found
