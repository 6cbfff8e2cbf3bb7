"""Writing to the outbox, templates and suppressions; ``delivery`` empties the outbox."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import transaction

from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.messaging.delivery import Recovery, outbox_deliver, outbox_recover
from lifecycle_engine.messaging.models import Message, MessageTemplate

__all__ = [
    "QueueError",
    "QueueResult",
    "QueuedMessage",
    "Recovery",
    "messages_queue",
    "outbox_deliver",
    "outbox_recover",
    "template_save",
]


class QueueError(Exception):
    """A message can't be queued; nothing of its batch was."""


@dataclass(frozen=True)
class QueuedMessage:
    """A message to be written to the outbox. ``context`` is plain JSON for the merge tags."""

    customer_id: int
    template_key: str
    channel: str
    campaign: str
    dedupe_key: str
    context: Mapping[str, Any]
    due_at: datetime | None = None


@dataclass(frozen=True)
class QueueResult:
    """The outbox ids by deduplication key, of old and new rows, and how many rows are new."""

    ids: dict[str, UUID]
    queued: int
    duplicates: int


def messages_queue(*, rows: Sequence[QueuedMessage]) -> QueueResult:
    """Write messages to the outbox inside the caller's transaction, each deduplication key once.

    A worker is woken up once the transaction has committed.

    Args:
        rows: the messages. ``due_at`` is wall-clock time; without it a message is due at once.

    Raises:
        QueueError: a template doesn't exist or is of another channel, or the merge data is no
            JSON; the message names it, and nothing is queued.
    """
    if not rows:
        return QueueResult(ids={}, queued=0, duplicates=0)
    template_ids = _templates_check(rows)
    keys = [row.dedupe_key for row in rows]
    params = {
        "ids": [uuid.uuid7() for _row in rows],
        "customer_ids": [row.customer_id for row in rows],
        "template_ids": template_ids,
        "channels": [row.channel for row in rows],
        "campaigns": [row.campaign for row in rows],
        "dedupe_keys": keys,
        "contexts": [_context_text(row) for row in rows],
        "due_ats": [row.due_at for row in rows],
    }
    with transaction.atomic():
        fresh = {key for (key,) in sql_rows("messaging", "messages_insert", params)}
        known = Message.objects.filter(dedupe_key__in=keys)
        ids = dict(known.values_list("dedupe_key", "id"))
        if fresh:
            enqueue("messaging.deliver")
    return QueueResult(ids=ids, queued=len(fresh), duplicates=len(rows) - len(fresh))


def _templates_check(rows: Sequence[QueuedMessage]) -> list[int]:
    keys = {row.template_key for row in rows}
    known = {
        key: (template_id, channel)
        for key, template_id, channel in MessageTemplate.objects.filter(key__in=keys).values_list(
            "key", "pk", "channel"
        )
    }
    for row in rows:
        if row.template_key not in known:
            raise QueueError(f"There is no message template {row.template_key!r}")
        if known[row.template_key][1] != row.channel:
            raise QueueError(
                f"The message template {row.template_key!r} is for the channel "
                f"{known[row.template_key][1]!r}, not {row.channel!r}"
            )
    return [known[row.template_key][0] for row in rows]


def _context_text(row: QueuedMessage) -> str:
    try:
        # PostgreSQL's JSON has neither NaN nor the character NUL.
        text = json.dumps(row.context, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise QueueError(f"Merge data of {row.dedupe_key!r}: {error}") from error
    if "\\u0000" in text:
        raise QueueError(f"Merge data of {row.dedupe_key!r} holds the character NUL")
    return text


def template_save(
    *,
    key: str,
    name: str,
    channel: str,
    text: str,
    subject: str = "",
    html: str = "",
    purpose: str = "marketing",
) -> MessageTemplate:
    """Make a template, or change the one with that key.

    Raises:
        django.core.exceptions.ValidationError: a part can't be read, or misses what the law
            wants; it names the field, and nothing is saved.
    """
    template = MessageTemplate.objects.filter(key=key).first() or MessageTemplate(key=key)
    template.name, template.channel, template.purpose = name, channel, purpose
    template.subject, template.text, template.html = subject, text, html
    template.full_clean()
    template.save()
    return template
