"""Segments by list: who is on it is said by partners and staff, not by a rule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from lifecycle_engine.core.sql import sql_execute
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments.due import refreshes_want
from lifecycle_engine.segments.listed import list_settle, lists_lock, whole_profile_ids
from lifecycle_engine.segments.membership import Change
from lifecycle_engine.segments.models import (
    ListedProfile,
    MembershipChange,
    Segment,
    SegmentKind,
    SegmentState,
)
from lifecycle_engine.segments.selectors import segment_readers
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

    Args:
        segment: one by list.
        customers: the shop's numbers, at most ``LIST_AT_MOST``.
        member: on the list, or off it.
        at: since when, in business time.
        cause: why, for the record of who came and went.

    Raises:
        ListError: the segment's members come from a rule, or it is archived.
    """
    list_check(segment)
    profiles, result = _profiles(customers), ListChange()
    for index, number in enumerate(customers):
        if number not in profiles:
            result.rejected.append(Refusal(index, number, "there is no customer of this number"))
    named = sorted(set(profiles.values()))
    if not named:
        return result
    with transaction.atomic():
        lists_lock([segment.pk])
        whole = whole_profile_ids(named)
        if member:
            profiles_list(segment_id=segment.pk, profile_ids=named, at=at)
        else:
            # Whoever is taken off is so as the whole customer, whichever profile was listed.
            ListedProfile.objects.filter(segment=segment, customer__in=whole).delete()
        change = list_changed(segment=segment, profile_ids=whole, at=at, cause=cause)
    result.changed = change.joined + change.left
    return result


def list_replace(
    *, segment: Segment, profile_ids: Sequence[int], at: datetime, cause: str
) -> Change:
    """Make these profiles the segment's list, and nobody else; in one transaction.

    Args:
        segment: one by list.
        profile_ids: who is on it.
        at: since when, in business time.
        cause: why, for the record of who came and went.

    Raises:
        ListError: the segment's members come from a rule, or it is archived.
    """
    list_check(segment)
    with transaction.atomic():
        lists_lock([segment.pk])
        params = {"segment_id": segment.pk, "profile_ids": list(profile_ids), "at": at}
        sql_execute("segments", "list_replace", params)
        return list_changed(segment=segment, profile_ids=None, at=at, cause=cause)


def list_changed(
    *, segment: Segment, profile_ids: Sequence[int] | None, at: datetime, cause: str
) -> Change:
    """Bring membership in line with a locked list that was changed, and tell whoever reads it.

    Segments that read this one are asked again about those who came or went; about everybody where
    these are many.

    Args:
        segment: one by list.
        profile_ids: all profiles of the customers who may come or go; None for everybody.
        at: since when, in business time.
        cause: why, for the record of who came and went.
    """
    changes = list_settle(segment_ids=[segment.pk], profile_ids=profile_ids, at=at, cause=cause)
    Segment.objects.filter(pk=segment.pk).update(as_of=at, asked_at=at)
    change = changes.get(segment.pk, Change())
    if change.joined + change.left > LIST_AT_MOST:
        refreshes_want(segment_ids=segment_readers(key=segment.key), cause=f"segment:{segment.pk}")
    elif change != Change():
        moved = MembershipChange.objects.filter(segment=segment, at=at, cause=cause)
        customers_touch(customer_ids=set(moved.values_list("customer_id", flat=True)), at=at)
    return change


def list_check(segment: Segment) -> None:
    """Whether the segment has a list that can be changed.

    Raises:
        ListError: its members come from a rule, or it is archived.
    """
    if segment.kind != SegmentKind.STATIC:
        raise ListError(f"The members of segment {segment.key!r} come from its rule")
    if segment.state != SegmentState.LIVE:
        raise ListError(f"Segment {segment.key!r} is archived")


def profiles_list(*, segment_id: int, profile_ids: Iterable[int], at: datetime) -> None:
    """Put profiles on a list; whoever is on it already stays since when they are."""
    rows = (
        ListedProfile(segment_id=segment_id, customer_id=profile_id, listed_at=at)
        for profile_id in profile_ids
    )
    ListedProfile.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5_000)


def _profiles(numbers: Sequence[str]) -> dict[str, int]:
    """The profile that each number names."""
    rows = Customer.objects.filter(external_id__in=set(numbers), erased_at=None)
    return {str(number): pk for number, pk in rows.values_list("external_id", "pk")}
