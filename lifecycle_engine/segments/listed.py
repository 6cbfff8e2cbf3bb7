"""From lists to membership: of a listed profile the customer that it is part of is the member.

The list itself never follows a merge. It says which profiles were named, and membership is worked
out from that and from who is who; so after an undoing it is what it was before the merge, dates
included. That two became one is in the log, and the reader "segments" hands its batches on to here.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models.functions import Now

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.selectors import profile_ids_of, root_ids
from lifecycle_engine.events.identity import MERGED, PARTED
from lifecycle_engine.events.readers import batch_bounds
from lifecycle_engine.events.recording import ENGINE_SOURCE
from lifecycle_engine.events.rows import Batch
from lifecycle_engine.segments.membership import Change, sizes_adjust
from lifecycle_engine.segments.models import ListedProfile, Segment


def lists_follow(*, batch: Batch, at: datetime) -> None:
    """Bring lists in line with the merges in a batch of the log, in its transaction."""
    params = {**batch_bounds(batch), "source": ENGINE_SOURCE, "names": [MERGED, PARTED]}
    moved = {customer_id for (customer_id,) in sql_rows("segments", "lists_merged", params)}
    if not moved:
        return
    profile_ids = whole_profile_ids(moved)
    listed = ListedProfile.objects.filter(customer__in=profile_ids)
    segment_ids = sorted(set(listed.values_list("segment_id", flat=True)))
    if segment_ids:
        lists_lock(segment_ids)
        list_settle(segment_ids=segment_ids, profile_ids=profile_ids, at=at, cause="merge")


def lists_lock(segment_ids: Sequence[int]) -> None:
    """Keep the lists from being changed by others until the transaction ends."""
    rows = Segment.objects.filter(pk__in=segment_ids).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def whole_profile_ids(profile_ids: Collection[int]) -> list[int]:
    """All profiles of the customers that these are part of."""
    roots = root_ids(profile_ids=profile_ids)
    return profile_ids_of(customer_ids={*profile_ids, *roots.values()})


def list_settle(
    *, segment_ids: Sequence[int], profile_ids: Sequence[int] | None, at: datetime, cause: str
) -> dict[int, Change]:
    """Make the members of locked segments those whom their lists name.

    Args:
        segment_ids: segments by list.
        profile_ids: all profiles of the customers who may come or go; None for everybody.
        at: when they do, in business time.
        cause: why.

    Returns:
        How many joined and left the segments of which anybody did.
    """
    params = {
        "segment_ids": list(segment_ids),
        "profile_ids": None if profile_ids is None else list(profile_ids),
        "at": at,
        "cause": cause,
    }
    found = sql_rows("segments", "list_settle", params)
    changes = {segment_id: Change(joined, left) for segment_id, joined, left in found}
    sizes_adjust(changes, at=at)
    Segment.objects.filter(pk__in=list(changes)).update(refreshed_at=Now())
    return changes
