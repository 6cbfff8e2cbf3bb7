"""The outbox: queueing messages, delivering them, and recovering after a crash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


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


@dataclass(frozen=True)
class Recovery:
    """What came of leases that ran out."""

    requeued: int
    unknown: int


def messages_queue(*, rows: Sequence[QueuedMessage]) -> QueueResult:
    """Write messages to the outbox inside the caller's transaction, each deduplication key once."""
    raise NotImplementedError


def outbox_deliver(*, worker: str, limit: int, at: datetime) -> int:
    """Claim up to ``limit`` due messages and send them; returns how many were claimed."""
    raise NotImplementedError


def outbox_recover() -> Recovery:
    """Take leases that ran out back: unsent claims to the queue, the others to ``unknown``."""
    raise NotImplementedError


def suppression_add(*, channel: str, address: str, reason: str) -> bool:
    """Never write to the address on the channel again; returns whether that is new."""
    raise NotImplementedError
