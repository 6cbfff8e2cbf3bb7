"""Who orders within the hour: a score that is asked for at the moment, and never published."""

from datetime import UTC, timedelta
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from lifecycle_engine.sdk.tables import Tables
from plugins.propensity.learning import Propensity

_HOUR, _DAY, _WEEK = 3_600, 86_400, 604_800
#: So far back habits are looked for: twelve weeks have each hour of the week twelve times.
_DAYS = 84
_HABITS = (
    "hours_since_order",
    "orders_24h",
    "orders_7d",
    "orders_84d",
    "orders_this_hour_84d",
    "orders_near_this_hour_84d",
    "orders_this_weekday_84d",
)
_VISITS = ("events_1h", "events_24h")


class PurchaseNextHour(Propensity):
    """Probability that a customer who has bought before places an order in the next 60 minutes.

    It learns from hours 31 hours apart, so that 48 of them have each hour of the day twice, and
    chooses and is judged on hours seven apart, of which a week has each hour of the day once. The
    hour is that of UTC; habits are told by the time that lies between an order and now, which no
    time zone changes.
    """

    key: ClassVar[str] = "purchase.next_hour"
    label: ClassVar[Any] = _("Purchase within the hour")
    sentence: ClassVar[Any] = _("Places an order.")
    opt_in: ClassVar[bool] = True
    momentary: ClassVar[bool] = True
    features: ClassVar[tuple[str, ...]] = ()
    own_feature_names: ClassVar[tuple[str, ...]] = ("hour", "weekday", *_HABITS, *_VISITS)
    horizon_days: ClassVar[float] = 1 / 24
    cutoff_count: ClassVar[int] = 48
    cutoff_step_days: ClassVar[float] = 31 / 24
    judged_count: ClassVar[int] = 24
    judged_step_days: ClassVar[float] = 7 / 24
    history_days: ClassVar[int | None] = 28
    #: Forty-eight hours of so many have some thousand orders where one in a hundred orders.
    customers_most: ClassVar[int | None] = 10_000

    def came_true(self, window: Tables) -> ir.Table:
        """Whoever places an order."""
        return window.orders.select("customer_id").distinct()

    def own_features(self, tables: Tables) -> ir.Table | None:
        """How lately and how often they order, at this hour and on this day, and visits."""
        at = tables.as_of.astimezone(UTC)
        habits = _habits(tables).left_join(_visits(tables), "customer_id").drop("customer_id_right")
        # Who was not here within the day has no row among the visits.
        visits = {name: habits[name].fill_null(0) for name in _VISITS}
        moment = {
            "hour": ibis.literal(float(at.hour)),
            "weekday": ibis.literal(float(at.weekday())),
        }
        return habits.mutate(**visits, **moment).select("customer_id", *self.own_feature_names)

    def before(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """How often they order, and a smooth curve of the day: two harmonics of the hour."""
        turn = 2 * np.pi * frame["hour"].to_numpy(np.float64) / 24
        often = np.log1p(np.nan_to_num(frame["orders_84d"].to_numpy(np.float64)).clip(min=0.0))
        waves = [wave(times * turn) for times in (1, 2) for wave in (np.sin, np.cos)]
        found: NDArray[np.float64] = np.nan_to_num(np.column_stack([often, *waves]))
        return found

    @property
    def before_words(self) -> str:
        """What the baseline goes by."""
        return "how often the customer orders, and the hour of the day"


def _habits(tables: Tables) -> ir.Table:
    """One row for each customer who has ordered."""
    orders = tables.orders
    ago = tables.moment().epoch_seconds() - orders.occurred_at.epoch_seconds()
    timed = orders.select("customer_id", ago=ago)
    # How long after now, on its day or in its week, an order was placed: 0 is just now.
    of_day = (_DAY - timed.ago % _DAY) % _DAY
    of_week = (_WEEK - timed.ago % _WEEK) % _WEEK
    lately = timed.ago <= _DAYS * _DAY
    near = (of_day < 2 * _HOUR) | (of_day >= _DAY - _HOUR)
    return timed.group_by("customer_id").aggregate(
        hours_since_order=timed.ago.min() / float(_HOUR),
        orders_24h=timed.count(where=timed.ago <= _DAY),
        orders_7d=timed.count(where=timed.ago <= _WEEK),
        orders_84d=timed.count(where=lately),
        orders_this_hour_84d=timed.count(where=lately & (of_day < _HOUR)),
        orders_near_this_hour_84d=timed.count(where=lately & near),
        orders_this_weekday_84d=timed.count(where=lately & (of_week < _DAY)),
    )


def _visits(tables: Tables) -> ir.Table:
    """What was done in the last day, whatever it was."""
    events = tables.events
    day = events.filter(events.occurred_at >= tables.moment(timedelta(days=1)))
    hour = day.occurred_at >= tables.moment(timedelta(hours=1))
    return day.group_by("customer_id").aggregate(
        events_1h=day.count(where=hour), events_24h=day.count()
    )
