"""CDNOW: 2,357 customers of a seller of music, who first bought in the first quarter of 1997.

The published estimates are those of this sample. It comes with the package ``lifetimes`` (MIT
licence), which is read as a folder of files and not imported.
"""

from importlib.metadata import distribution

import numpy as np
import pandas as pd

from plugins.value_estimator.bgnbd import History

#: The last day of week 39, up to which the published models were fitted; weeks 40 to 78 follow.
FITTED_UNTIL = pd.Timestamp("1997-09-30")
WEEKS_AFTER = 39.0


def days_with_orders() -> pd.DataFrame:
    """One row per customer and day with orders: ``customer``, ``day`` and ``value``."""
    rows = pd.read_csv(
        distribution("lifetimes").locate_file("lifetimes/datasets/CDNOW_sample.txt"),
        sep=r"\s+",
        names=["master", "customer", "day", "discs", "value"],
        dtype={"day": str},
    )
    rows["day"] = pd.to_datetime(rows["day"], format="%Y%m%d")
    return rows.groupby(["customer", "day"], as_index=False)["value"].sum()


def history(days: pd.DataFrame) -> History:
    """What the model knows of each customer at the end of week 39, in weeks."""
    known = days[days["day"] <= FITTED_UNTIL].groupby("customer")["day"]
    first, last = known.min(), known.max()
    return History(
        repeats=(known.size() - 1).to_numpy(np.float64),
        last=_weeks(last - first),
        age=_weeks(FITTED_UNTIL - first),
    )


def _weeks(span: "pd.Series[pd.Timedelta]") -> np.ndarray:
    return (span.dt.days / 7.0).to_numpy(np.float64)
