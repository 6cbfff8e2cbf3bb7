"""What says that somebody is about to order within the hour."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle_engine.sdk.testing.tables import MemoryTables
from plugins.propensity.hour import PurchaseNextHour

#: A Thursday.
AT = datetime(2026, 1, 1, 17, 20, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def features(orders, events=(), at=AT):
    tables = MemoryTables(
        as_of=at,
        orders=[{"customer_id": customer, "occurred_at": at} for customer, at in orders],
        events=[
            {"customer_id": customer, "name": "Product Viewed", "occurred_at": at}
            for customer, at in events
        ],
    )
    scorer = PurchaseNextHour()
    found = tables.execute(scorer.own_features(tables)).to_pandas()
    assert [*found.columns] == ["customer_id", *scorer.own_feature_names]
    return found.set_index("customer_id").sort_index()


def test_habits_are_told_by_the_time_between_an_order_and_now():
    days = [timedelta(days=number) for number in (1, 7, 83, 85)]
    found = features(
        [
            (1, AT - days[0] + 10 * SECOND),  # Within the hour ahead, yesterday.
            (1, AT - days[1] + HOUR - SECOND),  # A week ago, at its end.
            (1, AT - days[1] + HOUR),  # Just after it.
            (1, AT - days[2] - HOUR),  # An hour before.
            (1, AT - days[3]),  # Too long ago for a habit.
            (2, AT - 30 * HOUR),
        ]
    )

    first = found.loc[1]
    assert first["hours_since_order"] == pytest.approx(24 - 10 / 3600)
    assert (first["orders_24h"], first["orders_7d"], first["orders_84d"]) == (1, 3, 4)
    assert first["orders_this_hour_84d"] == 2
    assert first["orders_near_this_hour_84d"] == 4
    assert first["orders_this_weekday_84d"] == 3
    assert (first["hour"], first["weekday"]) == (17, 3)
    assert found.loc[2, ["orders_24h", "orders_84d", "events_24h"]].tolist() == [0, 1, 0]


def test_the_hour_is_that_of_utc_wherever_the_clock_stands():
    there = AT.astimezone(timezone(timedelta(hours=9)))
    assert features([(1, AT - HOUR)], at=there).equals(features([(1, AT - HOUR)]))


def test_visits_of_the_day_are_counted_of_those_who_have_ordered():
    found = features(
        [(1, AT - 50 * HOUR), (2, AT - 50 * HOUR)],
        [(1, AT - HOUR), (1, AT - HOUR - SECOND), (1, AT - 25 * HOUR), (3, AT - HOUR)],
    )
    assert found[["events_1h", "events_24h"]].to_numpy().tolist() == [[1, 2], [0, 0]]
    assert found.index.tolist() == [1, 2]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 100 * 86_400), min_size=1, max_size=30, unique=True))
def test_habits_are_what_a_calendar_says(ages):
    found = features([(1, AT - age * SECOND) for age in ages]).loc[1]

    # By the clock: each order moved by whole days, or weeks, into the time just ahead.
    placed = [AT - age * SECOND for age in ages if age <= 84 * 86_400]
    of_day = [(at - AT) % timedelta(days=1) for at in placed]
    of_week = [(at - AT) % timedelta(days=7) for at in placed]
    assert found["orders_this_hour_84d"] == sum(ahead < HOUR for ahead in of_day)
    assert found["orders_near_this_hour_84d"] == sum(
        ahead < 2 * HOUR or ahead >= 23 * HOUR for ahead in of_day
    )
    assert found["orders_this_weekday_84d"] == sum(ahead < 24 * HOUR for ahead in of_week)


def test_each_hour_is_learned_from_twice_and_judged_once():
    scorer = PurchaseNextHour
    learned = [round(24 * scorer.cutoff_step_days) * i % 24 for i in range(scorer.cutoff_count)]
    judged = [round(24 * scorer.judged_step_days) * i % 24 for i in range(scorer.judged_count)]
    assert sorted(learned) == sorted([*range(24)] * 2)
    assert sorted(judged) == [*range(24)]


def test_the_baseline_knows_the_hour_and_how_often_somebody_orders():
    frame = pd.DataFrame(dict.fromkeys(PurchaseNextHour.own_feature_names, 1.0), index=range(48))
    frame["hour"] = np.tile(np.arange(24.0), 2)
    frame["orders_84d"] = np.repeat([1.0, 40.0], 24)
    by_day = PurchaseNextHour().before(frame)

    assert by_day.shape == (48, 5)
    assert np.isfinite(by_day).all()
    # A curve that closes: midnight is as near to 23 o'clock as 13 is to noon.
    assert np.linalg.norm(by_day[0] - by_day[23]) == pytest.approx(
        np.linalg.norm(by_day[13] - by_day[12])
    )
