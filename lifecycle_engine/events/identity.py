"""Merging customers, and the log's word of it: what reads the log follows who is who."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from lifecycle_engine.customers import identity
from lifecycle_engine.customers.models import Merge
from lifecycle_engine.customers.services import Identities, customers_resolve
from lifecycle_engine.events.recording import events_record
from lifecycle_engine.events.rows import EngineEvent

MERGED = "Customers Merged"
PARTED = "Customers Parted"


def identities_resolve(
    *, names: Iterable[tuple[str | None, str | None]], at: datetime
) -> Identities:
    """The customers that pairs of (user id, anonymous id) name; see ``customers_resolve``.

    Visitors who turned out to be customers are in the log afterwards.
    """
    identities = customers_resolve(names=names)
    if identities.merges:
        events_record(rows=_events_of(identities.merges, MERGED, at))
    return identities


@transaction.atomic
def customers_merge(
    *, customer_id: int, into_id: int, actor: str, reason: str, at: datetime
) -> Merge:
    """Make one customer part of another; see ``customers.identity``.

    Raises:
        MergeError: they can't be one; nothing was changed.
    """
    merge = identity.customers_merge(
        customer_id=customer_id, into_id=into_id, actor=actor, reason=reason
    )
    events_record(rows=_events_of([merge], MERGED, at))
    return merge


@transaction.atomic
def merge_undo(*, merge_id: int, actor: str, at: datetime) -> Merge:
    """Take two customers apart again; see ``customers.identity``.

    Raises:
        MergeError: there is no such merge, or it was undone before.
    """
    merge = identity.merge_undo(merge_id=merge_id, actor=actor, at=at)
    events_record(rows=_events_of([merge], PARTED, at))
    return merge


def _events_of(merges: Sequence[Merge], name: str, at: datetime) -> list[EngineEvent]:
    """An event for each of the two, so that both are looked at again."""
    return [
        EngineEvent(
            customer_id=customer_id,
            name=name,
            message_id=f"{name}:{merge.pk}:{customer_id}",
            occurred_at=at,
            properties={
                "profile": merge.profile_id, "into": merge.into_id, "cause": merge.cause,
            },
        )
        for merge in merges
        for customer_id in (merge.profile_id, merge.into_id)
    ]  # fmt: skip
