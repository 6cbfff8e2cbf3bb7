"""The question of who churns within 30 days, and what one would say without a model."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.scorers import Amount, Probability, Scorer
from lifecycle_engine.sdk.tables import Tables

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression


class Churn(Scorer):
    """Whether a customer who has bought before places no order in the next 30 days.

    The baseline is recency alone. Who inherits reads ``recency_days``.
    """

    output: ClassVar[Probability | Amount] = Probability()
    wanted: ClassVar[Literal["higher", "lower"]] = "lower"
    outcome_missing: ClassVar[float] = 1.0

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._recency: LogisticRegression | None = None

    def outcome(self, tables: Tables) -> ir.Table:
        """0 for everybody who places an order; the others are missing, which means 1."""
        buyers = tables.orders.select("customer_id").distinct()
        return buyers.mutate(target=ibis.literal(0.0))

    def baseline(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """Recency alone, as a probability: who has been away longer is likelier to stay away."""
        assert self._recency is not None, "fit or restore the scorer first"  # noqa: S101
        found = self._recency.predict_proba(_recency(frame))[:, 1] if len(frame) else np.empty(0)
        return pd.Series(found, index=frame.index, name="recency")

    def baseline_fit(self, frame: pd.DataFrame, target: "pd.Series[float]") -> None:
        """Fit the baseline's curve."""
        from sklearn.linear_model import LogisticRegression

        self._recency = LogisticRegression().fit(_recency(frame), target.to_numpy())


def seed_drawn(rng: np.random.Generator) -> int:
    """A seed for a library that wants its own."""
    return int(rng.integers(2**31))


def _recency(frame: pd.DataFrame) -> NDArray[np.float64]:
    days = frame["recency_days"].to_numpy(np.float64)
    found: NDArray[np.float64] = np.nan_to_num(np.log1p(np.maximum(days, 0.0)), nan=0.0)[:, None]
    return found
