"""Events that were refused: kept for a while with the reason, and taken in after all on demand."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from lifecycle_engine.core.sql import sql_execute
from lifecycle_engine.events.items import ITEM_LIMIT, Document, Sending
from lifecycle_engine.events.models import RejectedEvent
from lifecycle_engine.events.rows import Rejection

#: A client that sends nothing but rubbish is not given more room than this for a request.
KEPT_PER_REQUEST = 100

_REJECTED_KEPT = timedelta(days=14)
#: Segment's clients try for 12 hours, people who repair something for some days.
_RECEIPTS_KEPT = timedelta(days=30)
_SWEPT_AT_ONCE = 50_000
_SAID_LIMIT = 200


def rejections_keep(
    *,
    source: str,
    items: Sequence[Document],
    rejected: Sequence[Rejection],
    received_at: datetime,
    sending: Sending,
) -> None:
    """Keep the refused ones among the items; one that is kept already is not kept twice."""
    rows = [
        _row(source, items[rejection.index], rejection, received_at, sending)
        for rejection in rejected[:KEPT_PER_REQUEST]
    ]
    RejectedEvent.objects.bulk_create(rows, ignore_conflicts=True)


def rejected_batches(*, ids: Sequence[int]) -> list[tuple[list[RejectedEvent], Sending]]:
    """Kept events in groups that can be taken in together: of one source, sent in one way."""
    found = list(RejectedEvent.objects.filter(pk__in=ids).select_for_update(skip_locked=True))
    found.sort(key=_sent_together)
    return [
        (list(group), Sending(**json.loads(said)))
        for (_source, _at, said), group in groupby(found, key=_sent_together)
    ]


def log_sweep() -> int:
    """Remove what has been kept long enough; returns how many rows went.

    Receipts of the engine's own events stay: what they say was done must never be done again.
    """
    params = {
        "rejected_kept": _REJECTED_KEPT,
        "receipts_kept": _RECEIPTS_KEPT,
        "limit": _SWEPT_AT_ONCE,
    }
    return sql_execute("events", "rejected_sweep", params) + sql_execute(
        "events", "receipts_sweep", params
    )


def _sent_together(row: RejectedEvent) -> tuple[str, datetime, str]:
    return row.source, row.received_at, json.dumps(row.sending, sort_keys=True)


def _row(
    source: str, item: Document, rejection: Rejection, received_at: datetime, sending: Sending
) -> RejectedEvent:
    if isinstance(item, bytes | msgspec.Raw):
        text = bytes(item).decode(errors="replace")
    else:
        text = json.dumps(item, default=str)
    return RejectedEvent(
        source=source,
        message_id=_storable(rejection.message_id)[:100],
        field=_storable(rejection.field)[:200],
        message=_storable(rejection.message),
        item=_storable(text)[:ITEM_LIMIT],
        digest=hashlib.sha256(text.encode(errors="replace")).hexdigest(),
        sending={
            "sent_at": _said(sending.sent_at),
            "campaign": _said(sending.campaign),
            "kind": sending.kind,
            "makes_ids": sending.makes_ids,
        },
        received_at=received_at,
    )


def _said(value: object) -> str | None:
    """What a client said of the whole request; what is no text stays as wrong as it was."""
    if value is None:
        return None
    return _storable(value)[:_SAID_LIMIT] if isinstance(value, str) else ""


def _storable(text: str) -> str:
    """The text without what PostgreSQL's text can't hold."""
    return text.replace("\0", "").encode(errors="replace").decode()
