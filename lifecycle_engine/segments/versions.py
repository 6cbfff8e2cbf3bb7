"""The history of a segment: what it was from when on, and who made it so."""

from lifecycle_engine.segments.draft_models import SegmentVersion
from lifecycle_engine.segments.models import Segment


def version_record(*, segment: Segment, by: str) -> None:
    """Write down what the segment is now; nothing where that is what was written last."""
    now = {
        "number": segment.version,
        "name": segment.name,
        "description": segment.description,
        "rule": segment.rule,
        "state": segment.state,
    }
    last = segment.versions.order_by("-pk").values(*now).first()
    if last != now:
        SegmentVersion.objects.create(segment=segment, by=by, **now)


def version_size_set(*, segment: Segment, size: int | None) -> None:
    """Say how many the newest version held when it was published."""
    newest = segment.versions.order_by("-pk").first()
    if newest is not None and size is not None:
        SegmentVersion.objects.filter(pk=newest.pk).update(size=size)
