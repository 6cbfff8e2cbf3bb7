"""Segments by list: who is on it is said by partners and staff, not by a rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from django.db import transaction

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments.membership import Change, membership_adjust, segment_lock
from lifecycle_engine.segments.models import Segment, SegmentKind, SegmentState
from lifecycle_engine.segments.touched import customers_touch

#: Customers that one call may name.
LIST_AT_MOST = 10_000


class ListError(Exception):
    """The segment has no list that could be changed; the message says why."""


@dataclass(frozen=True)
class Refusal:
    """A customer number that was not taken, and its place in the batch."""

    index: int
    customer: str
    message: str


@dataclass
class ListChange:
    """What became of a batch.

    Attributes:
        changed: how many joined or left; who was there, or not there, already is not counted.
    """

    changed: int = 0
    rejected: list[Refusal] = field(default_factory=list)


def list_change(
    *, segment: Segment, customers: Sequence[str], member: bool, at: datetime, cause: str
) -> ListChange:
    """Put customers on a segment's list or take them off it; only who is unknown is refused.

    Segments that read this one look at them again within seconds.

    Args:
        segment: one by list.
        customers: the shop's numbers, at most ``LIST_AT_MOST``.
        member: on the list, or off it.
        at: since when, in business time.
        cause: why, for the record of who came and went.

    Raises:
        ListError: the segment's members come from a rule, or it is archived.
    """
    if segment.kind != SegmentKind.STATIC:
        raise ListError(f"The members of segment {segment.key!r} come from its rule")
    if segment.state != SegmentState.LIVE:
        raise ListError(f"Segment {segment.key!r} is archived")
    roots, result = _roots(customers), ListChange()
    for index, number in enumerate(customers):
        if number not in roots:
            result.rejected.append(Refusal(index, number, "there is no customer of this number"))
    asked = sorted(set(roots.values()))
    if not asked:
        return result
    members = pa.array(asked if member else [], pa.int64())
    with segment_lock(segment.pk), transaction.atomic():
        changes = membership_adjust(members={segment.pk: members}, asked=asked, at=at, cause=cause)
        Segment.objects.filter(pk=segment.pk).update(as_of=at, asked_at=at)
        customers_touch(customer_ids=asked, at=at)
    change = changes.get(segment.pk, Change())
    result.changed = change.joined + change.left
    return result


def _roots(numbers: Sequence[str]) -> dict[str, int]:
    """The customer that each number belongs to; of a merged profile the one that it is part of."""
    rows = Customer.objects.filter(external_id__in=set(numbers), erased_at=None)
    return {
        str(number): root_id or pk
        for number, pk, root_id in rows.values_list("external_id", "pk", "merged_into_id")
    }
