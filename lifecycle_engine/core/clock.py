"""The two clocks: business time, which a demo may fix, and the wall clock of operations.

Business time says what "today" is to segments, features, schedules and offers. Leases, retries and
durations use the database's own ``now()`` and are never fixed.
"""

from datetime import datetime

from django.conf import settings
from django.utils import timezone


def business_now() -> datetime:
    """Business time, aware and in UTC: ``ENGINE_NOW`` where it is set, else the present.

    Read only at the edge (tasks, commands, views) and handed down as ``at``.
    """
    fixed: datetime | None = settings.ENGINE_NOW
    return fixed or timezone.now()
