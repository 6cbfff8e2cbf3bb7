"""Civil time: from a date and a time on a wall clock to an instant."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: Seconds: no zone has moved its clock by a fraction of one.
_PRECISION = timedelta(seconds=1)


def civil_instant(*, day: date, at: time, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock in the zone shows that time of that day.

    Where the clock jumps over it, the instant of the jump, which is the first valid one after;
    where the clock shows it twice, the first of the two.

    Returns:
        An aware time in UTC.
    """
    wall = datetime.combine(day, at)
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # In a gap zoneinfo reads fold 0 with the offset before it and fold 1 with the one after, so
    # the jump lies between the two.
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _jump_between(early, instant, zone)


def _jump_between(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after ``early`` with another offset than ``early`` has, by bisection."""
    offset = early.astimezone(zone).utcoffset()
    early, late = early.replace(microsecond=0), late.replace(microsecond=0)
    while late - early > _PRECISION:
        middle = (early + (late - early) // 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            early = middle
        else:
            late = middle
    return late
