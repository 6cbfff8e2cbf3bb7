"""Charts drawn by the server as SVG: classes only, readable without sight, at any width.

Places along a bar or a time axis are percentages, so a chart fills its column while its letters
keep their size. Every chart carries a title and a description, and its figures again as a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_ROW = 40
_LINE_HEIGHT = 200
_LINE_TOP = 20
_LINE_BOTTOM = 24
_TICKS_MOST = 6


@dataclass(frozen=True)
class Chart:
    """A drawn chart and the figures it was drawn from."""

    title: str
    description: str
    svg: SafeString
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: bool = False


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its length, and how the length is written."""

    label: str
    value: float
    shown: str
    tone: str = "primary"


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its interval, and how they are written."""

    label: str
    estimate: float
    low: float
    high: float
    shown: str


def bars(*, title: str, items: Sequence[Bar], columns: Sequence[str]) -> Chart:
    """Horizontal bars from zero; the longest fills the width."""
    longest = max((abs(item.value) for item in items), default=0.0) or 1.0
    drawn = format_html_join(
        "",
        '<text class="le-chart-label" x="0" y="{}">{}</text>'
        '<text class="le-chart-value" x="100%" y="{}" text-anchor="end">{}</text>'
        '<rect class="le-chart-track" x="0" y="{}" width="100%" height="8" rx="4"></rect>'
        '<rect class="le-chart-{}" x="0" y="{}" width="{}%" height="8" rx="4"></rect>',
        (
            (
                *(row * _ROW + 14, item.label, row * _ROW + 14, item.shown, row * _ROW + 22),
                *(item.tone, row * _ROW + 22, _percent(item.value, longest)),
            )
            for row, item in enumerate(items)
        ),
    )
    description = "; ".join(f"{item.label}: {item.shown}" for item in items)
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, drawn, len(items) * _ROW),
        columns=columns,
        rows=[(item.label, item.shown) for item in items],
        empty=not items,
    )


def line(
    *,
    title: str,
    points: Sequence[tuple[str, float, str]],
    columns: Sequence[str],
    ticks: Sequence[str] = (),
) -> Chart:
    """Values over time with the area below filled.

    Args:
        title: what it shows.
        points: name, value and written value of each moment, in order and evenly spaced.
        columns: the table's headings.
        ticks: shorter names for the axis, one per point; by default the points' own.
    """
    top = _nice(max((value for _label, value, _shown in points), default=0.0))
    height = _LINE_HEIGHT - _LINE_TOP - _LINE_BOTTOM
    step = 1000 / max(len(points) - 1, 1)
    places = [
        (index * step, height * (1 - value / top)) for index, (_l, value, _s) in enumerate(points)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    area = f"0,{height} {path} {places[-1][0]:.1f},{height}" if places else ""
    drawn = format_html(
        '{}<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 1000 {}" '
        'preserveAspectRatio="none"><polygon class="le-chart-area" points="{}"></polygon>'
        '<polyline class="le-chart-line" points="{}"></polyline></svg>{}',
        *(_grid(top, height), _LINE_TOP, height, height, area, path),
        _axis(ticks or [label for label, _value, _shown in points]),
    )
    description = "; ".join(f"{label}: {shown}" for label, _value, shown in points)
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, drawn, _LINE_HEIGHT),
        columns=columns,
        rows=[(label, shown) for label, _value, shown in points],
        empty=not points,
    )


def intervals(*, title: str, items: Sequence[Interval], columns: Sequence[str]) -> Chart:
    """Estimates with their intervals around a common zero line, each row on a scale of its own."""
    drawn = format_html_join(
        "",
        '<text class="le-chart-label" x="0" y="{}">{}</text>'
        '<text class="le-chart-value" x="100%" y="{}" text-anchor="end">{}</text>'
        '<line class="le-chart-zero" x1="50%" x2="50%" y1="{}" y2="{}"></line>'
        '<line class="le-chart-interval le-chart-{}" x1="{}%" x2="{}%" y1="{}" y2="{}"></line>'
        '<circle class="le-chart-{}" cx="{}%" cy="{}" r="5"></circle>',
        (_interval_row(row * (_ROW + 8), item) for row, item in enumerate(items)),
    )
    description = "; ".join(f"{item.label}: {item.shown}" for item in items)
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, drawn, len(items) * (_ROW + 8)),
        columns=columns,
        rows=[(item.label, item.shown) for item in items],
        empty=not items,
    )


def _interval_row(top: int, item: Interval) -> tuple[object, ...]:
    reach = max(abs(item.low), abs(item.high), abs(item.estimate)) or 1.0

    def place(value: float) -> str:
        return f"{50 + 48 * value / reach:.2f}"

    tone = "good" if item.low > 0 else "bad" if item.high < 0 else "quiet"
    middle = top + 30
    return (
        *(top + 14, item.label, top + 14, item.shown, middle - 8, middle + 8),
        *(tone, place(item.low), place(item.high), middle, middle),
        *(tone, place(item.estimate), middle),
    )


def _grid(top: float, height: int) -> SafeString:
    return format_html_join(
        "",
        '<line class="le-chart-grid" x1="0" x2="100%" y1="{}" y2="{}"></line>'
        '<text class="le-chart-tick" x="0" y="{}">{}</text>',
        (
            (y, y, y - 4, _short(top * share))
            for share in (0.0, 0.5, 1.0)
            for y in (_LINE_TOP + height * (1 - share),)
            if share
        ),
    )


def _axis(ticks: Sequence[str]) -> SafeString:
    every = max(1, -(-len(ticks) // _TICKS_MOST))
    chosen = [index for index in range(len(ticks)) if index % every == 0]
    return format_html_join(
        "",
        '<text class="le-chart-tick{}" x="{}%" y="{}" text-anchor="{}">{}</text>',
        (
            (
                " le-chart-spare" if place % 2 else "",  # Left out where there is little room.
                f"{100 * index / max(len(ticks) - 1, 1):.2f}",
                _LINE_HEIGHT - 6,
                "start" if index == 0 else "end" if index == len(ticks) - 1 else "middle",
                ticks[index],
            )
            for place, index in enumerate(chosen)
        ),
    )


def frame(title: str, description: str, inner: SafeString, height: int) -> SafeString:
    """What every chart stands in: as wide as its column, readable without sight."""
    # Named by its own words, not by ids: several charts may share a page.
    return format_html(
        '<svg class="le-chart" width="100%" height="{}" role="img" aria-label="{}">'
        "<title>{}</title><desc>{}</desc>{}</svg>",
        *(height, f"{title}: {description}", title, description, inner),
    )


def _percent(value: float, whole: float) -> str:
    return f"{max(0.0, 100 * value / whole):.2f}"


def _nice(value: float) -> float:
    """The next round number at or above: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value)


def _short(value: float) -> str:
    for size, mark in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g}{mark}"
    return f"{value:g}"
