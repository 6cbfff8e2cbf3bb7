"""Not at night: a step in quiet hours waits for their end on the customer's own clock."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from campaigns.civil_time import civil_instant
from campaigns.gates.facts import Facts, Verdict
from campaigns.journeys import Policy, QuietHours
from campaigns.models import Outcome


def quiet_hours(facts: Facts, policy: Policy, at: datetime) -> Verdict | None:
    """Put the step off to the end of the quiet hours."""
    hours = policy.quiet_hours
    if hours is None:
        return None
    until = quiet_until(hours=hours, zone=_zone_of(facts.time_zone, hours.zone), at=at)
    if until is None:
        return None
    return Verdict("quiet_hours", Outcome.DEFERRED, until=until)


def quiet_until(*, hours: QuietHours, zone: ZoneInfo, at: datetime) -> datetime | None:
    """When the quiet hours that hold ``at`` end; None outside of them.

    Returns:
        The first end after ``at``, aware and in UTC.
    """
    local = at.astimezone(zone)
    if not _is_quiet(local.time(), hours):
        return None
    # The end may come twice where the clock is set back: whichever is next counts.
    ends = []
    for days in range(3):
        day = (local + timedelta(days=days)).date()
        ends.append(civil_instant(day=day, at=hours.end, zone=zone))
        second = datetime.combine(day, hours.end, zone).replace(fold=1)
        ends.append(second.astimezone(UTC))
    return min(
        end for end in ends if end > at and not _is_quiet(end.astimezone(zone).time(), hours)
    )


def _is_quiet(clock: time, hours: QuietHours) -> bool:
    if hours.start < hours.end:
        return hours.start <= clock < hours.end
    return clock >= hours.start or clock < hours.end


def _zone_of(name: str, fallback: str) -> ZoneInfo:
    """The customer's zone; the policy's where it is empty or no zone at all."""
    try:
        return ZoneInfo(name or fallback)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(fallback)
