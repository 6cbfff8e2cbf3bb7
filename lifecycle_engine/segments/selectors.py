"""Reading segments, memberships and stages."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from lifecycle_engine.segments.models import (
    CustomerStage,
    Membership,
    Segment,
    SegmentKind,
    SegmentState,
)
from lifecycle_engine.segments.rules import RuleError, rule_parse

_CHUNK = 50_000


def segment_member_ids(*, segment_id: int) -> NDArray[np.int64]:
    """Ids of the customers who are in the segment, ascending."""
    ids = Membership.objects.filter(segment_id=segment_id).order_by("customer_id")
    return np.fromiter(
        ids.values_list("customer_id", flat=True).iterator(chunk_size=_CHUNK), dtype=np.int64
    )


def segments_of(*, customer_ids: Collection[int]) -> dict[int, list[str]]:
    """Keys of the live segments that each customer is in, sorted; none is left out."""
    found: dict[int, list[str]] = defaultdict(list)
    rows = Membership.objects.filter(
        customer_id__in=customer_ids, segment__state=SegmentState.LIVE
    ).order_by("segment__key")
    for customer_id, key in rows.values_list("customer_id", "segment__key"):
        found[customer_id].append(key)
    return dict(found)


def stages_of(*, customer_ids: Collection[int]) -> dict[int, CustomerStage]:
    """The stage of each customer who has one."""
    return CustomerStage.objects.in_bulk(list(customer_ids))


def segments_live() -> QuerySet[Segment]:
    """The segments that are kept up."""
    return Segment.objects.filter(state=SegmentState.LIVE)


def segments_dynamic() -> QuerySet[Segment]:
    """Those of them whose members come from a rule."""
    return segments_live().filter(kind=SegmentKind.DYNAMIC)


def segment_readers(*, key: str) -> list[int]:
    """Ids of the live segments whose rule reads that segment's membership."""
    return [
        segment.pk
        for segment in segments_dynamic().order_by("pk")
        if key in segment_references(segment)
    ]


def segment_references(segment: Segment) -> frozenset[str]:
    """Keys of the segments that the stored rule reads; none when it can't be read."""
    try:
        return rule_parse(segment.rule).segments
    except RuleError:
        return frozenset()


def segments_reading(segments: Sequence[Segment], segment_ids: Collection[int]) -> list[Segment]:
    """Those of the segments with the ids, and whichever read one of these, if by way of others."""
    chosen = {segment.key for segment in segments if segment.pk in segment_ids}
    references = {segment.key: segment_references(segment) for segment in segments}
    while True:
        found = {key for key, read in references.items() if key in chosen or read & chosen}
        if found == chosen:
            return [segment for segment in segments if segment.key in chosen]
        chosen = found


def segments_levels(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments in levels, each of which reads only those of the levels before it."""
    waiting: Mapping[str, Segment] = {segment.key: segment for segment in segments}
    references = {key: segment_references(segment) for key, segment in waiting.items()}
    levels = []
    while waiting:
        # A cycle can't be saved; should one stand in the database, each reads what is stored.
        ready = [key for key in waiting if not references[key] & waiting.keys()] or list(waiting)
        levels.append([waiting[key] for key in ready])
        waiting = {key: segment for key, segment in waiting.items() if key not in ready}
    return levels
