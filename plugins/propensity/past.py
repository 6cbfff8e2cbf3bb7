"""What a customer did in windows of the past that are as long as the one ahead.

The same question that the outcome is asked of the future is asked of the past, of tables that end
where it ends: nothing here can see what it is to predict.
"""

from collections.abc import Callable
from datetime import timedelta
from math import ceil

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.tables import Tables

#: In how many of the windows it came true, how many ago the newest was in which it did (1 is the
#: newest of all), and the days since the customer was first seen.
NAMES = ("past_windows_true", "past_windows_since", "known_days")
#: So many windows, where the horizon is that short.
WINDOWS_MOST = 8
WINDOWS_LEAST = 3
_DAYS = 120
_WEEK = 7
_WEEKS_JUDGED = 4


def windows_for(horizon_days: float) -> int:
    """How many windows to look back: about four months, and not too many to ask for."""
    return max(WINDOWS_LEAST, min(WINDOWS_MOST, int(_DAYS // horizon_days)))


def windows_judged(horizon_days: float) -> int:
    """How many windows, one after another, choose and judge: a week of days, or four weeks."""
    if horizon_days >= _WEEKS_JUDGED * _WEEK:
        return 1
    stretch = _WEEK if horizon_days < _WEEK else _WEEKS_JUDGED * _WEEK
    return ceil(stretch / horizon_days)


def past(tables: Tables, outcome: Callable[[Tables], ir.Table], *, horizon_days: float) -> ir.Table:
    """One row for each customer who was seen before, with the columns ``NAMES``."""
    horizon = timedelta(days=horizon_days)
    windows = []
    for number in range(1, windows_for(horizon_days) + 1):
        end = tables.as_of - horizon * (number - 1)
        found = outcome(tables.window(end - horizon, end))
        windows.append(found.select("customer_id", number=ibis.literal(number, "int64")))
    true = ibis.union(*windows)
    counted = true.group_by("customer_id").aggregate(
        past_windows_true=true.number.nunique(), past_windows_since=true.number.min()
    )
    first = _first_seen(tables)
    seconds = tables.moment().epoch_seconds() - first["first"].epoch_seconds()
    days = first.select("customer_id", known_days=seconds.cast("float64") / 86_400.0)
    joined = days.left_join(counted, "customer_id")
    return joined.select("customer_id", *NAMES)


def own_rate(frame: pd.DataFrame) -> NDArray[np.float64]:
    """What the baseline goes by: how often it came true before, and how long ago.

    Two columns: the number of windows, and the reciprocal of how many ago the newest was, 0 for
    those for whom it never came true.
    """
    true = np.nan_to_num(frame["past_windows_true"].to_numpy(np.float64), nan=0.0)
    since = frame["past_windows_since"].to_numpy(np.float64)
    newest = np.nan_to_num(1.0 / np.maximum(since, 1.0), nan=0.0)
    return np.column_stack([np.maximum(true, 0.0), newest])


def _first_seen(tables: Tables) -> ir.Table:
    customers = tables.customers
    registered = customers.select(customer_id=customers.id, at=customers.created_at)
    seen = [
        table.select("customer_id", at=table.occurred_at)
        for table in (tables.events, tables.orders)
    ]
    known = ibis.union(registered.filter(registered["at"] < tables.moment()), *seen)
    return known.group_by("customer_id").aggregate(first=known["at"].min())
