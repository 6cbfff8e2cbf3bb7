"""From the clock on the wall to the instant, across every change of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.civil_time import civil_instant

ZONES = sorted(zone for zone in available_timezones() if zone not in {"localtime", "Factory"})
MINUTE = timedelta(minutes=1)


def test_a_plain_day_is_the_zones_offset_away():
    found = civil_instant(day=date(2017, 12, 1), at=time(9), zone=ZoneInfo("America/New_York"))
    assert found == datetime(2017, 12, 1, 14, tzinfo=UTC)


def test_a_time_that_is_jumped_over_is_the_jump():
    # 2017-03-26 02:30 does not exist in Berlin: at 02:00 the clock goes to 03:00.
    found = civil_instant(day=date(2017, 3, 26), at=time(2, 30), zone=ZoneInfo("Europe/Berlin"))
    assert found == datetime(2017, 3, 26, 1, tzinfo=UTC)


def test_a_time_that_comes_twice_is_the_first_one():
    found = civil_instant(day=date(2017, 10, 29), at=time(2, 30), zone=ZoneInfo("Europe/Berlin"))
    assert found == datetime(2017, 10, 29, 0, 30, tzinfo=UTC)


def test_a_day_that_is_jumped_over_is_the_start_of_the_next():
    # Samoa had no 30 December 2011: it crossed the date line.
    found = civil_instant(day=date(2011, 12, 30), at=time(12), zone=ZoneInfo("Pacific/Apia"))
    assert found == datetime(2011, 12, 30, 10, tzinfo=UTC)


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_fractions_of_a_second_do_no_harm_in_a_gap(microsecond):
    found = civil_instant(
        day=date(2017, 3, 26), at=time(2, 30, 0, microsecond), zone=ZoneInfo("Europe/Berlin")
    )
    assert found == datetime(2017, 3, 26, 1, tzinfo=UTC)


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(1990, 1, 1), date(2037, 12, 31)),
    at=st.times().map(lambda value: value.replace(second=0, microsecond=0)),
)
@settings(max_examples=300)
def test_it_is_the_first_minute_at_which_the_clock_shows_that_time_or_more(zone, day, at):
    clock, wall = ZoneInfo(zone), datetime.combine(day, at)
    found = civil_instant(day=day, at=at, zone=clock)
    assert _shown(found, clock) >= wall
    assert _shown(found - MINUTE, clock) < wall
    # Nothing earlier that day showed the very same time.
    if _shown(found, clock) == wall:
        assert not any(
            _shown(found - hours * timedelta(minutes=30), clock) == wall for hours in range(1, 7)
        )


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(1990, 1, 1), date(2037, 12, 30)),
    at=st.times(),
)
@settings(max_examples=200)
def test_days_stay_in_order(zone, day, at):
    clock = ZoneInfo(zone)
    today = civil_instant(day=day, at=at, zone=clock)
    assert today <= civil_instant(day=day + timedelta(days=1), at=at, zone=clock)


def _shown(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
