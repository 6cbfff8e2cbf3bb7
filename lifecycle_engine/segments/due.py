"""Which segments are to be refreshed as a whole, and when: asked for, failed, killed."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import blake2b

from django.db import transaction
from django.db.models.functions import Coalesce, Least, Now

from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.selectors import segments_dynamic, segments_levels

#: So many whole refreshes run at a time, on however many machines.
AT_ONCE = 2

#: After a failure: about so long at first, twice as long each time, and at most about so long.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
#: While the columnar copy is too far behind.
COPY_WAIT = timedelta(seconds=15)

DIED = "the process that computed it ended before it was done"


def refreshes_want(*, segment_ids: Collection[int], cause: str) -> None:
    """Have segments refreshed as a whole, as soon as there is room.

    The wish stands in the database; the task only sees to it that nobody waits for the next tick.
    """
    wanted = segments_dynamic().filter(pk__in=segment_ids)
    wanted.filter(refresh_due_at=None).update(refresh_cause=cause)
    changed = wanted.update(refresh_due_at=Least(Coalesce("refresh_due_at", Now()), Now()))
    if changed:
        enqueue("segments.refresh_due")


def refresh_wait(*, segment_id: int, reason: str, cause: str) -> None:
    """Put a refresh off; nothing is wrong with it."""
    Segment.objects.filter(pk=segment_id).update(
        computing_since=None,
        waits_for=reason,
        refresh_cause=cause,
        refresh_due_at=Now() + COPY_WAIT,
    )


def refresh_later(*, segment_id: int, wait: timedelta, cause: str) -> None:
    """Have a segment refreshed as a whole after a while."""
    Segment.objects.filter(pk=segment_id, refresh_due_at=None).update(
        refresh_cause=cause, refresh_due_at=Now() + wait
    )


def refresh_failed(*, segment_id: int, error: str, cause: str) -> None:
    """Write down why a segment could not be computed, and when it is tried again."""
    with transaction.atomic():
        segment = Segment.objects.select_for_update().get(pk=segment_id)
        attempts = min(segment.refresh_attempts + 1, 1000)
        Segment.objects.filter(pk=segment_id).update(
            computing_since=None,
            error=error,
            failed_at=Now(),
            refresh_attempts=attempts,
            refresh_cause=cause,
            refresh_due_at=Now() + _wait(segment_id, attempts),
        )


def refreshes_recover() -> list[int]:
    """Find segments whose computing process died, and have them computed again.

    Not at once and not all together: had they killed the process, so they would the next one.

    Returns:
        Their ids.
    """
    found = []
    computing = segments_dynamic().filter(computing_since__isnull=False).order_by("pk")
    for segment in computing:
        with advisory_lock(f"segment:{segment.pk}") as free:
            # Whoever held the lock may have finished since the segment was read.
            if free and computing.filter(pk=segment.pk).exists():
                cause = segment.refresh_cause or "schedule"
                refresh_failed(segment_id=segment.pk, error=DIED, cause=cause)
                found.append(segment.pk)
    return found


def refreshes_due() -> list[Segment]:
    """The segments that are due; those that others read come first."""
    due = segments_dynamic().filter(refresh_due_at__lte=Now()).order_by("refresh_due_at", "pk")
    return [segment for level in segments_levels(list(due)) for segment in level]


@contextmanager
def refresh_slot(*, at_once: int = AT_ONCE) -> Iterator[bool]:
    """Take one of the places for whole refreshes; yields whether one was free."""
    for number in range(at_once):
        with advisory_lock(f"segments.refresh:{number}") as free:
            if free:
                yield True
                return
    yield False


def _wait(segment_id: int, attempts: int) -> timedelta:
    """Half to one and a half times the doubled wait, different for each segment and attempt."""
    doubled: timedelta = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 20))
    drawn = blake2b(f"{segment_id}:{attempts}".encode(), digest_size=4).digest()
    return doubled * (0.5 + int.from_bytes(drawn, "big") / 2**32)
