"""What is usual for each customer, where a frame's other features say so."""

import numpy as np
import pandas as pd

from lifecycle_engine.warehouse.features.registry import feature_get

#: A customer of fewer windows has no habit to compare with.
_WINDOWS = 2


def gap(frame: pd.DataFrame, feature: str) -> "pd.Series[float] | None":
    """The mean days between the customer's orders."""
    del feature
    return _first(frame, "gap_days_mean", "gap_days_median")


def basket(frame: pd.DataFrame, feature: str) -> "pd.Series[float] | None":
    """What the customer's orders come to on average."""
    del feature
    return _first(frame, "basket_value_mean_90d")


def orders(frame: pd.DataFrame, feature: str) -> "pd.Series[float] | None":
    """How many orders the customer places in so many days, since the first one."""
    return _rate(frame, "orders_total", feature)


def revenue(frame: pd.DataFrame, feature: str) -> "pd.Series[float] | None":
    """What the customer spends in so many days, since the first order."""
    return _rate(frame, "revenue_total", feature)


def _first(frame: pd.DataFrame, *names: str) -> "pd.Series[float] | None":
    return next((frame[name] for name in names if name in frame), None)


def _rate(frame: pd.DataFrame, total: str, feature: str) -> "pd.Series[float] | None":
    days = feature_get(feature).window_days
    if days is None or total not in frame or "tenure_days" not in frame:
        return None
    tenure = frame["tenure_days"]
    return (frame[total] / tenure * days).where(tenure >= _WINDOWS * days, np.nan)
