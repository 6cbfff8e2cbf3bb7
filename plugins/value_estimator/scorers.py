"""The scorers: one for each question about a customer's value.

They share models and not a training: BG/NBD is fitted in less time than it would take to store it
for others, and what takes long, boosting, learns something else for each horizon. So each has
versions, a card and a champion of its own, and each can be switched off alone.
"""

from datetime import timedelta
from typing import Any, ClassVar, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from lifecycle_engine.sdk.scorers import Amount, Probability, Scorer, scorers
from lifecycle_engine.sdk.tables import Tables
from plugins.value_estimator.outlook import Floats, Outlook
from plugins.value_estimator.parametric import FEATURES, orders_value_correlation, recent_spend
from plugins.value_estimator.spend import Spend, spent

_SECONDS_PER_DAY = 86_400.0


@scorers.register
class Spend30d(Spend):
    """What a customer who has bought before spends in the next 30 days."""

    key: ClassVar[str] = "value.spend_30d"
    label: ClassVar[Any] = _("Expected spend, 30 days")


@scorers.register
class Spend90d(Outlook):
    """What a customer who has bought before spends in the next 90 days.

    Half is what BG/NBD with Gamma-Gamma say and half what the customer spent in the last 90 days.
    Of a year of history too few windows of 90 days are left to learn from, and those are of other
    seasons: boosting that learned from them promised up to a fifth too much.
    """

    key: ClassVar[str] = "value.spend_90d"
    label: ClassVar[Any] = _("Expected spend, 90 days")
    output: ClassVar[Probability | Amount] = Amount("money")
    features: ClassVar[tuple[str, ...]] = (*FEATURES, "revenue_90d")
    judged_by: ClassVar[str] = "spend within 90 days"
    # What is published can be seen: it is judged as staff saw it, not predicted again.
    judged = Scorer.judged

    @property
    def algorithm(self) -> str:
        """What is mixed."""
        return f"{super().algorithm}, recent spend"

    def outcome(self, tables: Tables) -> ir.Table:
        """What everybody spent; who is missing spent nothing."""
        return spent(tables)

    def expected(self, frame: pd.DataFrame) -> Floats:
        """Expected spend of the quarter."""
        return self.models.spend_recent(frame, self.horizon_days)

    def observable(self, frame: pd.DataFrame) -> Floats:
        """The same."""
        return self.expected(frame)

    def naive(self, frame: pd.DataFrame) -> Floats:
        """What the customer spent in the last 90 days."""
        return recent_spend(frame, self.horizon_days)

    def figures(self, frame: pd.DataFrame, target: Floats) -> dict[str, float]:
        """Also whether an assumption of the models holds."""
        found = {"orders_value_correlation": orders_value_correlation(frame)}
        return super().figures(frame, target) | found


@scorers.register
class Spend365d(Spend90d):
    """What a customer who has bought before spends in the next 365 days.

    Few shops have the three years of history that it would take to learn that and to judge it. So
    the first 90 days are those of ``value.spend_90d``, by which it is judged, and the others what
    BG/NBD with Gamma-Gamma say.
    """

    key: ClassVar[str] = "value.spend_365d"
    label: ClassVar[Any] = _("Expected spend, 365 days")
    judged_by: ClassVar[str] = "spend within 90 days; that of 365 days is not judged"
    judged = Outlook.judged

    def expected(self, frame: pd.DataFrame) -> Floats:
        """Expected spend of a year."""
        later = self.models.spend(frame, 365.0) - self.models.spend(frame, self.horizon_days)
        found: Floats = self.observable(frame) + np.maximum(later, 0.0)
        return found

    def observable(self, frame: pd.DataFrame) -> Floats:
        """Expected spend of the window that is judged."""
        return super().expected(frame)


@scorers.register
class Alive(Outlook):
    """Probability that a customer who has bought before has not left for good.

    Nobody sees a customer leave. What can be seen, and is judged, is what follows from it: the
    probability of an order within 90 days.
    """

    key: ClassVar[str] = "value.alive"
    label: ClassVar[Any] = _("Still a customer")
    output: ClassVar[Probability | Amount] = Probability()
    judged_by: ClassVar[str] = "probability of an order within 90 days, which follows from it"

    def outcome(self, tables: Tables) -> ir.Table:
        """1 for everybody who places an order."""
        buyers = tables.orders.select("customer_id").distinct()
        return buyers.mutate(target=ibis.literal(1.0))

    def expected(self, frame: pd.DataFrame) -> Floats:
        """The probability to be there."""
        return self.models.alive(frame)

    def observable(self, frame: pd.DataFrame) -> Floats:
        """The probability of an order in the window that is judged."""
        return self.models.active(frame, self.horizon_days)

    def naive(self, frame: pd.DataFrame) -> Floats:
        """Recency alone: how often customers ordered again after a silence of that length."""
        return self.recency.probability(frame)


class NextOrder(Outlook):
    """Days until a share of such customers have placed their next order.

    Who is not expected to order within 90 days has 90, which stands for "later or never".
    """

    output: ClassVar[Probability | Amount] = Amount("days")
    features: ClassVar[tuple[str, ...]] = (*FEATURES, "gap_days_mean")
    wanted: ClassVar[Literal["higher", "lower"]] = "lower"
    outcome_missing: ClassVar[float] = 90.0
    #: By when so many of such customers have ordered.
    share: ClassVar[float]
    judged_by: ClassVar[str] = "days until half of such customers have ordered, at most 90"

    def outcome(self, tables: Tables) -> ir.Table:
        """The days until the first order; who places none has as many as the window."""
        start = tables.moment(timedelta(days=self.horizon_days)).epoch_seconds()
        first = tables.orders.occurred_at.min().epoch_seconds()
        return tables.orders.group_by("customer_id").aggregate(
            target=(first - start).cast("float64") / _SECONDS_PER_DAY
        )

    def expected(self, frame: pd.DataFrame) -> Floats:
        """The days until that share have ordered."""
        return self._wait(frame, self.share)

    def observable(self, frame: pd.DataFrame) -> Floats:
        """The days until half have ordered: the median is what absolute errors are least for."""
        return self._wait(frame, 0.5)

    def naive(self, frame: pd.DataFrame) -> Floats:
        """The customer's own mean gap from the newest order on; now, if that is over."""
        gap = frame["gap_days_mean"].fillna(self.horizon_days).to_numpy(np.float64)
        recency = frame["recency_days"].fillna(0.0).to_numpy(np.float64)
        found: Floats = np.clip(gap - recency, 0.0, self.horizon_days)
        return found

    def figures(self, frame: pd.DataFrame, target: Floats) -> dict[str, float]:
        """How often the next order came by the expected day, and between the ends."""
        low, middle, high = (self._wait(frame, end.share) for end in (Earliest, Expected, Latest))
        # Where the window ends "later or never" begins, which no outcome within it can gainsay.
        known, closed = middle < self.horizon_days, high < self.horizon_days
        return {
            "ordered_by_expected_day": _share((target <= middle)[known]),
            "interval_promised": Latest.share - Earliest.share,
            "interval_covered": _share(((target >= low) & (target <= high))[closed]),
            "interval_open": _share(~closed),
        }

    def _wait(self, frame: pd.DataFrame, share: float) -> Floats:
        found: Floats = np.minimum(self.models.next_order(frame, share), self.horizon_days)
        return found


@scorers.register
class Expected(NextOrder):
    """Days until half of such customers have placed their next order."""

    key: ClassVar[str] = "value.next_order_days"
    label: ClassVar[Any] = _("Next order, in days")
    share: ClassVar[float] = 0.5
    judged = Scorer.judged


@scorers.register
class Earliest(NextOrder):
    """Days until a tenth of such customers have ordered: the interval's lower end."""

    key: ClassVar[str] = "value.next_order_earliest"
    label: ClassVar[Any] = _("Next order at the earliest, in days")
    share: ClassVar[float] = 0.1


@scorers.register
class Latest(NextOrder):
    """Days until nine tenths of such customers have ordered: the interval's upper end."""

    key: ClassVar[str] = "value.next_order_latest"
    label: ClassVar[Any] = _("Next order at the latest, in days")
    share: ClassVar[float] = 0.9


def _share(held: NDArray[np.bool_]) -> float:
    return float(held.mean()) if len(held) else 0.0
