"""How a segment is kept up, for its page: state, next try, how its size went, who came and went."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from lifecycle_engine.console.charts import Chart, line
from lifecycle_engine.segments.models import Segment, SegmentSize, Upkeep

_DAYS_PLOTTED = 90
_DAYS_LISTED = 14
_TONES = {
    Upkeep.CURRENT: "good",
    Upkeep.COMPUTING: "info",
    Upkeep.WAITING: "info",
    Upkeep.FAILED: "bad",
}


def upkeep_context(segment: Segment) -> dict[str, Any]:
    """What the page shows of how a segment is kept up."""
    sizes = list(segment.sizes.order_by("-day")[:_DAYS_PLOTTED])
    return {
        "upkeep": {"words": segment.upkeep.label, "tone": _TONES[segment.upkeep]},
        "sizes": _size_chart(sizes[::-1]),
        "days": sizes[:_DAYS_LISTED],
    }


def _size_chart(sizes: Sequence[SegmentSize]) -> Chart:
    """The size day by day; on a day when nothing changed it is what it was."""
    by_day = {row.day: row.size for row in sizes}
    points: list[tuple[str, float, str]] = []
    size = 0
    for day in _days(by_day):
        size = by_day.get(day, size)
        points.append((date_format(day, "SHORT_DATE_FORMAT"), float(size), f"{size:,}"))
    return line(
        title=_("Size day by day"),
        points=points[-_DAYS_PLOTTED:],
        columns=(_("Day"), _("Members")),
        ticks=[f"{day:%m-%d}" for day in _days(by_day)][-_DAYS_PLOTTED:],
    )


def _days(known: dict[date, int]) -> list[date]:
    if not known:
        return []
    first, last = min(known), max(known)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
