"""When a scheduled campaign fires."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from campaigns.triggers.schedule import (
    ScheduleTrigger,
    schedule_newest,
    schedule_next,
    schedule_sentence,
)

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def trigger(**fields):
    return ScheduleTrigger.model_validate({"kind": "schedule", "time": "09:00", **fields})


def test_once_fires_on_its_day_and_never_again():
    once = trigger(every="once", date="2017-12-01", zone="Europe/Berlin")
    moment = datetime(2017, 12, 1, 8, tzinfo=UTC)
    assert schedule_newest(once, since=EPOCH, until=moment - timedelta(seconds=1)) is None
    assert schedule_newest(once, since=EPOCH, until=moment) == moment
    assert schedule_next(once, after=moment) is None
    assert schedule_next(once, after=EPOCH) == moment


def test_daily_gives_only_the_newest_missed_moment():
    daily = trigger(every="daily", max_lateness_hours=100)
    found = schedule_newest(daily, since=EPOCH, until=datetime(2017, 12, 3, 10, tzinfo=UTC))
    assert found == datetime(2017, 12, 3, 9, tzinfo=UTC)


def test_weekly_fires_on_its_days():
    weekly = trigger(every="weekly", weekdays=[4])  # Friday
    assert schedule_next(weekly, after=datetime(2017, 12, 1, 9, tzinfo=UTC)) == datetime(
        2017, 12, 8, 9, tzinfo=UTC
    )


def test_what_is_too_late_is_skipped():
    once = trigger(every="once", date="2017-12-01", max_lateness_hours=2)
    assert schedule_newest(once, since=EPOCH, until=datetime(2017, 12, 1, 12, tzinfo=UTC)) is None


def test_nothing_fires_for_a_moment_before_since():
    daily = trigger(every="daily")
    at = datetime(2017, 12, 1, 10, tzinfo=UTC)
    assert schedule_newest(daily, since=at - timedelta(minutes=1), until=at) is None


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"every": "hourly"}, "every"),
        ({"every": "once"}, "date belongs"),
        ({"every": "daily", "date": "2017-12-01"}, "date belongs"),
        ({"every": "weekly"}, "weekdays belong"),
        ({"every": "weekly", "weekdays": [7]}, "weekdays"),
        ({"every": "daily", "zone": "Mars/Olympus"}, "zone"),
        ({"every": "daily", "zone": "../../etc/passwd"}, "zone"),
        ({"every": "daily", "zone": ""}, "zone"),
        ({"every": "daily", "time": "09:00+02:00"}, "offset"),
        ({"every": "daily", "cron": "* * * * *"}, "cron"),
        ({"every": "daily", "max_lateness_hours": 0}, "max_lateness_hours"),
    ],
)
def test_wrong_documents_are_refused_by_name(fields, part):
    with pytest.raises(ValidationError, match=part):
        trigger(**fields)


def test_it_reads_as_a_sentence():
    assert schedule_sentence(trigger(every="weekly", weekdays=[4, 0], zone="Asia/Tokyo")) == (
        "every Mon, Fri at 09:00 (Asia/Tokyo)"
    )


@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Gaza"]),
    clock=st.times().map(lambda value: value.replace(second=0, microsecond=0)),
    start=st.datetimes(datetime(2010, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (hypothesis adds the zone)
)
@settings(max_examples=100)
def test_daily_fires_once_per_local_date(zone, clock, start):
    daily = trigger(every="daily", zone=zone, time=clock.isoformat())
    moments = [schedule_next(daily, after=start)]
    for _day in range(8):
        moments.append(schedule_next(daily, after=moments[-1]))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(timedelta(hours=22) <= gap <= timedelta(hours=26) for gap in gaps)
    newest = schedule_newest(daily, since=start, until=moments[-1])
    assert newest == moments[-1]
