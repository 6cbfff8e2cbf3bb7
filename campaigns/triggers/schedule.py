"""The schedule trigger: once, daily or weekly at a civil time in a zone."""

import datetime as dt
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _
from pydantic import AfterValidator, Field, model_validator

from campaigns.civil_time import civil_instant
from lifecycle_engine.sdk.registry import Config

#: A week and the longest jumps a clock has made on either side.
_SEARCH = timedelta(days=9)
_DAY = timedelta(days=1)


def _zone_known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("there is no such time zone; use a name such as Europe/Berlin") from None
    return name


ZoneName = Annotated[str, Field(min_length=1), AfterValidator(_zone_known)]
Weekday = Annotated[int, Field(ge=0, le=6)]


class ScheduleTrigger(Config):
    """Fires at a civil time.

    Attributes:
        every: once (on ``date``), daily, or weekly (on ``weekdays``, Monday is 0).
        time: what a clock in ``zone`` shows. Where the clock jumps over it, the campaign fires at
            the jump; where the clock shows it twice, the first time only.
        max_lateness_hours: a moment missed by more than this (the workers were down, a database
            was restored) is skipped: a morning greeting must not go out the next evening.
    """

    kind: Literal["schedule"]
    every: Literal["once", "daily", "weekly"]
    time: dt.time
    zone: ZoneName = "UTC"
    date: dt.date | None = None
    weekdays: tuple[Weekday, ...] = ()
    max_lateness_hours: float = Field(default=24, gt=0, le=24 * 7)

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if self.time.tzinfo is not None:
            raise ValueError("time must not carry an offset: the zone says where the clock hangs")
        if (self.date is not None) != (self.every == "once"):
            raise ValueError("date belongs to a trigger that fires once, and only to that")
        if bool(self.weekdays) != (self.every == "weekly"):
            raise ValueError("weekdays belong to a weekly trigger, and only to that")
        return self

    @property
    def max_lateness(self) -> timedelta:
        """How late it may still fire."""
        return timedelta(hours=self.max_lateness_hours)


def schedule_newest(
    trigger: ScheduleTrigger, *, since: datetime, until: datetime
) -> datetime | None:
    """The newest moment to fire within ``since <= moment <= until`` that is not too late."""
    floor = max(since, until - trigger.max_lateness)
    due = [m for m in _moments(trigger, around=until) if floor <= m <= until]
    return max(due, default=None)


def schedule_next(trigger: ScheduleTrigger, *, after: datetime) -> datetime | None:
    """The first moment to fire later than ``after``; None when there is none any more."""
    return min((m for m in _moments(trigger, around=after) if m > after), default=None)


def schedule_sentence(trigger: ScheduleTrigger) -> str:
    """The trigger in words."""
    days = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    values = {
        "time": trigger.time.strftime("%H:%M"),
        "zone": trigger.zone,
        "date": trigger.date.isoformat() if trigger.date else "",
        "days": ", ".join(days[day] for day in sorted(set(trigger.weekdays))),
    }
    if trigger.every == "once":
        return _("once on %(date)s at %(time)s (%(zone)s)") % values
    if trigger.every == "daily":
        return _("every day at %(time)s (%(zone)s)") % values
    return _("every %(days)s at %(time)s (%(zone)s)") % values


def _moments(trigger: ScheduleTrigger, *, around: datetime) -> Iterator[datetime]:
    """Moments to fire near a time; for a trigger that fires once, its only one."""
    zone = ZoneInfo(trigger.zone)
    if trigger.date is not None:
        yield civil_instant(day=trigger.date, at=trigger.time, zone=zone)
        return
    day = (around.astimezone(UTC) - _SEARCH).date()
    last = (around.astimezone(UTC) + _SEARCH).date()
    while day <= last:
        if trigger.every == "daily" or day.weekday() in trigger.weekdays:
            yield civil_instant(day=day, at=trigger.time, zone=zone)
        day += _DAY
