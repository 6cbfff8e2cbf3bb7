"""When an event happened, by our clock and by the client's."""

from datetime import UTC, datetime, timedelta

from lifecycle_engine.events.errors import ItemError, shown

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_MAY_BE_AHEAD = timedelta(days=1)


def times_read(
    *, timestamp: object, original: object, sent: object, received_at: datetime
) -> tuple[datetime, datetime | None, datetime | None]:
    """When it happened by our clock, and when it happened and was sent by the client's.

    A client's clock may be wrong, but it stamps both when something happened and when it is sent,
    so the time between the two is right (Segment's rule). A ``timestamp`` beside an
    ``originalTimestamp`` was set right already, by a server that passed the event on.

    Raises:
        ItemError: a time that it depends on is none, or is out of range.
    """
    said = timestamp if timestamp is not None else original
    if said is None:
        return received_at, None, _moment_if_any(sent)
    if timestamp is not None and original is not None:
        at = time_read("timestamp", said, received_at)
        return at, _moment_if_any(original), _moment_if_any(sent)
    if sent is None:
        at = time_read("timestamp", said, received_at)
        return at, at, None
    happened, sent_at = _moment("timestamp", said), _moment("sentAt", sent)
    time = received_at - (sent_at - happened)
    if time < _EARLIEST:
        raise ItemError("timestamp", f"is before 1970: {shown(said)}, sent at {shown(sent)}")
    return min(time, received_at), happened, sent_at


def _moment_if_any(value: object) -> datetime | None:
    """A time that nothing depends on: None where it is none."""
    try:
        return None if value is None else _moment("time", value)
    except ItemError:
        return None


def time_read(name: str, value: object, received_at: datetime) -> datetime:
    """A time that is between 1970 and a day after the receipt.

    Raises:
        ItemError: it is not; ``name`` is the field.
    """
    time = _moment(name, value)
    if not _EARLIEST <= time <= received_at + _CLOCK_MAY_BE_AHEAD:
        raise ItemError(
            name,
            f"is not between 1970 and one day after it was received: {shown(value)}",
        )
    return time


def _moment(name: str, value: object) -> datetime:
    if not isinstance(value, str):
        raise ItemError(name, f"wants text as in ISO 8601, got {shown(value)}")
    try:
        # A time without a zone is in UTC, as the specification has it.
        time = datetime.fromisoformat(value)
        if time.tzinfo is UTC:
            return time
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ItemError(name, f"is not a time as in ISO 8601: {shown(value)}") from None
