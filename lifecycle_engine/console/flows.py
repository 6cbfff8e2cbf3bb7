"""A Sankey diagram drawn by the server: who was where, and who is where now.

Named after M. H. R. Sankey, "The Thermal Efficiency of Steam-Engines", Minutes of the Proceedings
of the Institution of Civil Engineers 134, 1898.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from lifecycle_engine.console.charts import Chart, frame

_HEIGHT = 420
#: Above each block there is room for its name.
_ROOM = 24
_WIDTH = 1000
_BLOCK = 12


@dataclass(frozen=True)
class Flow:
    """How many went from one place to another, and how that is written."""

    start: str
    end: str
    count: int
    shown: str


@dataclass(frozen=True)
class Place:
    """A place on both sides: its key, its name, and its colour."""

    key: str
    label: str
    tone: str = "primary"


def sankey(
    *, title: str, places: Sequence[Place], flows: Sequence[Flow], columns: Sequence[str]
) -> Chart:
    """Bands from the places on the left to those on the right, as wide as the flows.

    Args:
        title: what it shows.
        places: in the order from top to bottom; those with no flow on a side are left out there.
        flows: between places, at most one for each pair.
        columns: the table's headings: from, to, how many.
    """
    names = {place.key: place.label for place in places}
    starts = {p.key: sum(f.count for f in flows if f.start == p.key) for p in places}
    ends = {p.key: sum(f.count for f in flows if f.end == p.key) for p in places}
    total = sum(starts.values())
    most = max(sum(map(bool, starts.values())), sum(map(bool, ends.values())), 1)
    scale = (_HEIGHT - _ROOM * most) / total if total else 0.0
    left, right = _tops(starts, scale), _tops(ends, scale)
    ordered = [
        flow
        for start in places
        for end in places
        for flow in flows
        if (flow.start, flow.end) == (start.key, end.key) and flow.count
    ]
    description = "; ".join(
        f"{names[flow.start]} → {names[flow.end]}: {flow.shown}" for flow in ordered
    )
    drawn = format_html(
        '<svg width="100%" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}{}</svg>{}',
        *(_HEIGHT, _WIDTH, _HEIGHT),
        _bands(ordered, names, {p.key: p.tone for p in places}, left, right, scale),
        _blocks(places, left, right, starts, ends, scale),
        _labels(places, left, right, starts, ends),
    )
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, drawn, _HEIGHT),
        columns=columns,
        rows=[(names[flow.start], names[flow.end], flow.shown) for flow in ordered],
        empty=not ordered,
    )


def _tops(sizes: Mapping[str, int], scale: float) -> dict[str, float]:
    """Where the block of each place that has one begins."""
    tops, y = {}, 0.0
    for key, size in sizes.items():
        if size:
            tops[key] = y + _ROOM
            y += _ROOM + size * scale
    return tops


def _bands(
    flows: Sequence[Flow],
    names: Mapping[str, str],
    tones: Mapping[str, str],
    left: Mapping[str, float],
    right: Mapping[str, float],
    scale: float,
) -> SafeString:
    leaving, arriving, drawn = dict(left), dict(right), []
    near, far, middle = _BLOCK, _WIDTH - _BLOCK, _WIDTH / 2
    for flow in flows:
        width = flow.count * scale
        top, end = leaving[flow.start], arriving[flow.end]
        leaving[flow.start] += width
        arriving[flow.end] += width
        path = (
            f"M{near},{top:.1f} C{middle},{top:.1f} {middle},{end:.1f} {far},{end:.1f} "
            f"L{far},{end + width:.1f} C{middle},{end + width:.1f} {middle},{top + width:.1f} "
            f"{near},{top + width:.1f} Z"
        )
        tone = "same" if flow.start == flow.end else tones[flow.end]
        drawn.append((tone, path, names[flow.start], names[flow.end], flow.shown))
    return format_html_join(
        "", '<path class="le-flow le-flow-{}" d="{}"><title>{} → {}: {}</title></path>', drawn
    )


def _blocks(
    places: Sequence[Place],
    left: Mapping[str, float],
    right: Mapping[str, float],
    starts: Mapping[str, int],
    ends: Mapping[str, int],
    scale: float,
) -> SafeString:
    return format_html_join(
        "",
        '<rect class="le-chart-{}" x="{}" y="{}" width="{}" height="{}"></rect>',
        (
            (place.tone, x, f"{tops[place.key]:.1f}", _BLOCK, f"{sizes[place.key] * scale:.1f}")
            for x, tops, sizes in ((0, left, starts), (_WIDTH - _BLOCK, right, ends))
            for place in places
            if place.key in tops
        ),
    )


def _labels(
    places: Sequence[Place],
    left: Mapping[str, float],
    right: Mapping[str, float],
    starts: Mapping[str, int],
    ends: Mapping[str, int],
) -> SafeString:
    return format_html_join(
        "",
        '<text class="le-chart-label" x="{}" y="{}" text-anchor="{}">{} '
        '<tspan class="le-chart-value">{}</tspan></text>',
        (
            (x, f"{tops[place.key] - 6:.1f}", anchor, place.label, f"{sizes[place.key]:,}")
            for x, anchor, tops, sizes in (
                ("0", "start", left, starts),
                ("100%", "end", right, ends),
            )
            for place in places
            if place.key in tops
        ),
    )
