"""What staff do about an event that a reader failed at: handle it after all, or dismiss it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import django.db
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from lifecycle_engine.events.failures import failure_text
from lifecycle_engine.events.models import Event, QuarantinedEvent, QuarantineState, Reader
from lifecycle_engine.events.rows import Batch

#: A reader that is at work is waited for so long; staff then get an answer.
_WAIT = "5s"
_REASON_LIMIT = 500

#: What a reader does with a batch.
ReaderHandler = Callable[[Batch], object]
_handlers: dict[str, ReaderHandler] = {}


class QuarantineError(Exception):
    """A quarantined event can't be resolved in this way; nothing was changed."""


class ReaderHandlerError(Exception):
    """A reader's name is taken."""


def reader_handler(name: str) -> Callable[[ReaderHandler], ReaderHandler]:
    """Register what a transactional reader does with a batch, so that staff can have it done again.

    Call it as a decorator, from ``AppConfig.ready()`` on.

    Raises:
        ReaderHandlerError: another reader has the name.
    """

    def register(handler: ReaderHandler) -> ReaderHandler:
        if name in _handlers:
            raise ReaderHandlerError(f"Reader {name!r} has a handler: {_handlers[name]!r}")
        _handlers[name] = handler
        return handler

    return register


@contextmanager
def reader_handler_temporarily(name: str, handler: ReaderHandler) -> Iterator[None]:
    """Register a handler for the length of a block; for tests."""
    reader_handler(name)(handler)
    try:
        yield
    finally:
        del _handlers[name]


def reader_retries(name: str) -> bool:
    """Whether the reader's events can be handled one by one; only such a reader passes any."""
    return name in _handlers


def quarantined_retry(*, quarantined_id: int, by: str) -> None:
    """Have the event handled by itself; that and its leaving quarantine commit together.

    The reader has passed it long ago, so it comes out of the order of the log.

    Raises:
        QuarantineError: it is resolved already, is no longer in the log, its reader is not known
            or at work, or it failed again. It then stays in quarantine, with the new error.
    """
    try:
        with transaction.atomic():
            _handle_again(quarantined_id, by)
    except QuarantineError:
        raise
    except django.db.OperationalError as error:
        raise QuarantineError(
            _("The reader is at work: %(error)s") % {"error": failure_text(error)}
        ) from error
    except Exception as error:
        QuarantinedEvent.objects.filter(pk=quarantined_id).update(error=failure_text(error))
        raise QuarantineError(
            _("It failed again: %(error)s") % {"error": failure_text(error)}
        ) from error


def quarantined_dismiss(*, quarantined_id: int, by: str, reason: str) -> None:
    """Let the event go unhandled, for a reason that is kept.

    Raises:
        QuarantineError: no reason was given, or the event is resolved already.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= _REASON_LIMIT:
        raise QuarantineError(
            _("A reason of 1 to %(most)s characters is wanted.") % {"most": _REASON_LIMIT}
        )
    with transaction.atomic():
        quarantined = _open(quarantined_id)
        _resolve(quarantined, QuarantineState.DISMISSED, by=by, reason=reason)


def _handle_again(quarantined_id: int, by: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_WAIT])
    quarantined = _open(quarantined_id)
    name = quarantined.reader.name
    handler = _handlers.get(name)
    if handler is None:
        raise QuarantineError(
            _("Nothing is known that handles a single event of the reader “%(name)s”.")
            % {"name": name}
        )
    # One process at a time works a reader.
    Reader.objects.select_for_update().get(pk=quarantined.reader_id)
    if not Event.objects.filter(pk=quarantined.event_id, txid=quarantined.txid).exists():
        raise QuarantineError(
            _("Event %(number)s is no longer in the log.") % {"number": quarantined.event_id}
        )
    handler(_batch_of_one(quarantined))
    _resolve(quarantined, QuarantineState.HANDLED, by=by)
    Reader.objects.filter(pk=quarantined.reader_id).update(read_total=F("read_total") + 1)


def _open(quarantined_id: int) -> QuarantinedEvent:
    quarantined = (
        QuarantinedEvent.objects.select_for_update(of=["self"])
        .select_related("reader")
        .get(pk=quarantined_id)
    )
    if quarantined.state != QuarantineState.OPEN:
        raise QuarantineError(
            _("Event %(number)s is resolved: %(state)s.")
            % {"number": quarantined.event_id, "state": quarantined.get_state_display()}
        )
    return quarantined


def _batch_of_one(quarantined: QuarantinedEvent) -> Batch:
    # The place right before the event: no other row can be between the two.
    before = UUID(int=quarantined.event_id.int - 1)
    return Batch(
        reader=quarantined.reader.name,
        number=0,
        after_txid=quarantined.txid,
        after_id=before,
        upto_txid=quarantined.txid,
        upto_id=quarantined.event_id,
        count=1,
    )


def _resolve(
    quarantined: QuarantinedEvent, state: QuarantineState, *, by: str, reason: str = ""
) -> None:
    QuarantinedEvent.objects.filter(pk=quarantined.pk).update(
        state=state, reason=reason, resolved_by=by, resolved_at=Now()
    )
