"""Taking events in, and recording the engine's own."""

from collections.abc import Sequence
from datetime import datetime

from django.db import DataError, connection, transaction

from lifecycle_engine.events.errors import ItemError
from lifecycle_engine.events.grouping import Group
from lifecycle_engine.events.items import NOTHING_SAID, Document, Item, Sending, item_read
from lifecycle_engine.events.models import RejectedEvent
from lifecycle_engine.events.partitions import months_of, partitions_ensure, partitions_prepare
from lifecycle_engine.events.recording import (
    ENGINE_SOURCE,
    EngineEventError,
    events_record,
)
from lifecycle_engine.events.rejections import log_sweep, rejected_batches, rejections_keep
from lifecycle_engine.events.retention import log_floor
from lifecycle_engine.events.rows import (
    IngestResult,
    Rejection,
    ReplayResult,
)
from lifecycle_engine.events.writing import Brought, brought_write

__all__ = [
    "EngineEventError",
    "events_ingest",
    "events_record",
    "log_sweep",
    "partitions_ensure",
    "partitions_prepare",
    "rejected_replay",
]

#: So many events are written by one transaction: small enough that readers, who wait for it, and
#: the requests behind it don't notice.
_GROUP_EVENTS = 2_500
#: About as long as a client takes to send its next request, and as it takes to read that.
_GROUP_PATIENCE_SECONDS = 0.005
_GROUP = Group(
    brought_write,
    weight=lambda brought: len(brought.items),
    limit=_GROUP_EVENTS,
    writers=1,
    patience=_GROUP_PATIENCE_SECONDS,
)


class SourceError(Exception):
    """A source may not be used, or has no name."""


def events_ingest(
    *,
    source: str,
    items: Sequence[Document],
    received_at: datetime,
    sending: Sending = NOTHING_SAID,
) -> IngestResult:
    """Check a batch of events and append those that are right and new to the log.

    All that is accepted is committed when this returns. Whatever is wrong with one item stops no
    other; the item is kept with the reason for a while. A message id that the source sent before,
    also in the same batch, is a duplicate and changes nothing.

    Args:
        source: who sends; message ids are unique within it.
        items: events in the shape of the Segment specification, each as JSON or as a mapping.
        received_at: the time of events that name none, and the latest that one may name, but for a
            day that a client's clock may be ahead.
        sending: what the request says of all of them.

    Raises:
        SourceError: the source is empty, too long, or the engine's own.
    """
    if not 0 < len(source) <= 100 or source == ENGINE_SOURCE:
        raise SourceError(f"source can't be {source!r}")
    good, rejected = _items_read(items, received_at, sending)
    partitions_ensure(months=months_of(item.occurred_at for _, item in good))
    accepted, refused = _ingested(good, source, received_at)
    duplicates = len(good) - accepted - len(refused)
    rejected = sorted([*rejected, *refused], key=lambda rejection: rejection.index)
    if rejected:
        rejections_keep(
            source=source,
            items=items,
            rejected=rejected,
            received_at=received_at,
            sending=sending,
        )
    return IngestResult(accepted=accepted, duplicates=duplicates, rejected=rejected)


@transaction.atomic
def rejected_replay(*, ids: Sequence[int]) -> ReplayResult:
    """Take rejected events in after all, if nothing is wrong with them any more.

    Those that are right now are no longer kept; the others stay, with today's reason. They count as
    received when they were first received. Ids that are not kept, or that somebody else is taking
    in at this moment, are passed over.
    """
    taken, refused = 0, 0
    for rows, sending in rejected_batches(ids=ids):
        result = events_ingest(
            source=rows[0].source,
            items=[row.item.encode() for row in rows],
            received_at=rows[0].received_at,
            sending=sending,
        )
        still = {rejection.index: rejection for rejection in result.rejected}
        good = [row.pk for index, row in enumerate(rows) if index not in still]
        RejectedEvent.objects.filter(pk__in=good).delete()
        for index, rejection in still.items():
            rows[index].field, rows[index].message = rejection.field, rejection.message
        RejectedEvent.objects.bulk_update(
            [rows[index] for index in still], ["field", "message"], batch_size=500
        )
        taken += len(good)
        refused += len(still)
    return ReplayResult(taken=taken, refused=refused)


def _ingested(
    good: Sequence[tuple[int, Item]], source: str, received_at: datetime
) -> tuple[int, list[Rejection]]:
    """Write the items; returns how many were new, and those that the database refused after all.

    What is checked here is not all that the database checks: a number with twenty thousand digits
    is JSON, and no numeric. Half by half the one is found that stops the others.
    """
    if not good:
        return 0, []
    brought = Brought(source, received_at, [item for _, item in good])
    try:
        # What is inside a transaction can't wait for that of another thread.
        if connection.in_atomic_block:
            return brought_write([brought])[0], []
        return _GROUP.submit(brought), []
    except DataError as error:
        if len(good) == 1:
            ((index, item),) = good
            reason = str(error).partition("\n")[0]
            return 0, [Rejection(index, item.message_id, "item", f"item can't be stored: {reason}")]
    half = len(good) // 2
    accepted, refused = _ingested(good[:half], source, received_at)
    more, refused_too = _ingested(good[half:], source, received_at)
    return accepted + more, refused + refused_too


def _items_read(
    items: Sequence[Document], received_at: datetime, sending: Sending
) -> tuple[list[tuple[int, Item]], list[Rejection]]:
    """Those that are right with their places, and why the others are not."""
    good, rejected = [], []
    floor = log_floor(at=received_at)
    for index, item in enumerate(items):
        try:
            read = item_read(item, received_at=received_at, sending=sending)
            if floor is not None and read.occurred_at < floor:
                raise _too_old(read, floor)
            good.append((index, read))
        except ItemError as error:
            rejected.append(Rejection(index, error.message_id, error.field, error.message))
    return good, rejected


def _too_old(item: Item, floor: datetime) -> ItemError:
    happened = item.occurred_at.isoformat()
    error = ItemError("timestamp", f"is {happened}, before the log begins: {floor:%Y-%m-%d}")
    error.message_id = item.message_id
    return error
