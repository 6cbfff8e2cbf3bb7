"""What follows when a reader's batch fails: waiting, looking for the poison, or being stuck.

A batch that fails is tried again after twice the time of the last wait. Once it has failed often
enough to be its own fault, it is read on in halves; the half that fails is halved again, until one
event fails by itself. That one goes into quarantine and the reader goes past it.

Trouble that has nothing to do with the batch, such as a database that is away, makes the reader
wait too, but is never held against the batch.
"""

from dataclasses import dataclass
from datetime import timedelta

import django.db

from lifecycle_engine.sdk.errors import TransientError

#: A batch that failed so often is to blame itself.
FAILURES_TO_BLAME = 5

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=10)
#: Trouble that passes by itself is asked about more often.
LONGEST_WAIT_TRANSIENT = timedelta(minutes=1)

#: With so many unresolved events of one reader it is the handler that is broken, not the events:
#: no more are passed until staff have looked.
QUARANTINE_ROOM = 100

_ERROR_KEPT = 2_000
# A value that is too long for an index and the like: the data's fault, though PostgreSQL's driver
# counts it with a server that is away.
_LIMIT_EXCEEDED = "54"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What follows a failure.

    Attributes:
        wait: how long the reader waits; None when it goes on with its next turn.
        suspects: so many of the next rows hold the event that fails; None when that isn't known.
        stuck: staff have to look.
        quarantine: the batch is one event, and is passed.
    """

    failures: int
    blamed: int
    wait: timedelta | None = None
    suspects: int | None = None
    stuck: bool = False
    quarantine: bool = False


def failure_follow_up(
    *,
    failures: int,
    blamed: int,
    suspects: int | None,
    count: int,
    transient: bool,
    divisible: bool,
    room: bool,
) -> FollowUp:
    """Decide what follows one more failure.

    Args:
        failures: tries that failed since the cursor moved, without this one.
        blamed: those of them that the batch was to blame for.
        suspects: so many rows are known to hold one that fails, if any are.
        count: rows in the batch that failed now.
        transient: the trouble has nothing to do with the batch.
        divisible: the batch may be taken in parts.
        room: the reader has not too many events in quarantine.
    """
    failures += 1
    if transient:
        wait = _wait(failures, LONGEST_WAIT_TRANSIENT)
        return FollowUp(failures=failures, blamed=blamed, suspects=suspects, wait=wait)
    blamed += 1
    wait = _wait(failures, LONGEST_WAIT)
    if suspects is None and blamed < FAILURES_TO_BLAME:
        return FollowUp(failures=failures, blamed=blamed, wait=wait)
    if divisible and count > 1:
        return FollowUp(failures=failures, blamed=blamed, suspects=count)
    if divisible and room:
        return FollowUp(failures=failures, blamed=blamed, quarantine=True)
    return FollowUp(failures=failures, blamed=blamed, suspects=suspects, wait=wait, stuck=True)


def failure_is_transient(error: Exception) -> bool:
    """Whether the trouble is with the database, the network or a disk rather than with a batch."""
    if isinstance(error, django.db.OperationalError):
        code = getattr(error.__cause__, "sqlstate", None) or ""
        return not code.startswith(_LIMIT_EXCEEDED)
    return isinstance(error, django.db.InterfaceError | OSError | TransientError)


def failure_text(error: Exception) -> str:
    """The error as it is kept for staff.

    Of a database's error only the first line: the others quote values, which may be somebody's
    address.
    """
    text = str(error)
    if isinstance(error, django.db.Error):
        text = text.partition("\n")[0]
    return f"{type(error).__name__}: {text}"[:_ERROR_KEPT].replace("\0", "")


def _wait(failures: int, longest: timedelta) -> timedelta:
    # Beyond some doublings the product would be out of a timedelta's range.
    doubled: timedelta = FIRST_WAIT * 2 ** min(failures - 1, 20)
    return min(longest, doubled)
