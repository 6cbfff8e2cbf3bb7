"""The curve of an audience's size against its precision, as SVG."""

from collections.abc import Callable, Sequence
from math import log10

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from lifecycle_engine.console.charts import Chart, frame
from lifecycle_engine.console.figures import count_shown, share_shown
from lifecycle_engine.scoring.lookalikes.results import Point, Result

_HEIGHT, _TOP, _BOTTOM = 280, 24, 28
_PLOT = _HEIGHT - _TOP - _BOTTOM
_WIDTH = 1000
_MARKS = (1, 2, 5)


def precision_curve(result: Result, *, chosen: Point) -> Chart:
    """Precision by size with its interval, beside the simple ranking and chance.

    Args:
        result: what was measured.
        chosen: the cut that is marked.
    """
    points = result.points
    place = _places(points)
    title = _("Audience size against precision")
    description = "; ".join(
        f"{count_shown(point.size)}: {share_shown(point.precision)}" for point in points[::4]
    )
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, _drawn(result, chosen, place), _HEIGHT),
        columns=(
            *(_("Size"), _("Precision"), _("Interval"), _("Recall"), _("Lift")),
            _("Simple ranking"),
        ),
        rows=[
            (
                count_shown(point.size),
                share_shown(point.precision),
                f"{share_shown(point.low)} – {share_shown(point.high)}",
                share_shown(point.recall),
                f"{point.lift:.1f}",
                "–" if point.simple is None else share_shown(point.simple),
            )
            for point in points
        ],
    )


def _places(points: Sequence[Point]) -> Callable[[float], float]:
    """From a size to its place in the width, by its order of magnitude: from 0 to 1."""
    first, last = points[0].size, max(points[-1].size, points[0].size + 1)
    reach = log10(last) - log10(first)

    def place(size: float) -> float:
        return min(1.0, max(0.0, (log10(max(size, 1)) - log10(first)) / reach))

    return place


def _drawn(result: Result, chosen: Point, place: Callable[[float], float]) -> SafeString:
    points = result.points
    top = _top(max(max(point.high, point.simple or 0.0) for point in points))

    def path(pairs: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{_WIDTH * place(x):.1f},{_PLOT * (1 - y / top):.1f}" for x, y in pairs)

    band = [(point.size, point.high) for point in points]
    band += [(point.size, point.low) for point in reversed(points)]
    simple = [(point.size, point.simple) for point in points if point.simple is not None]
    chance = _PLOT * (1 - result.base_rate / top)
    lines = format_html(
        '<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none"><polygon class="le-chart-area" points="{}"></polygon>'
        '<line class="le-chart-zero" x1="0" x2="{}" y1="{}" y2="{}"></line>'
        '<polyline class="le-chart-line le-chart-line-quiet" points="{}"></polyline>'
        '<polyline class="le-chart-line" points="{}"></polyline></svg>',
        *(_TOP, _PLOT, _WIDTH, _PLOT, path(band), _WIDTH, chance, chance, path(simple)),
        path([(point.size, point.precision) for point in points]),
    )
    x = f"{100 * place(chosen.size):.2f}"
    mark = format_html(
        '<line class="le-chart-cut" x1="{}%" x2="{}%" y1="{}" y2="{}"></line>'
        '<circle class="le-chart-primary" cx="{}%" cy="{}" r="5"></circle>',
        *(x, x, _TOP, _TOP + _PLOT, x, f"{_TOP + _PLOT * (1 - chosen.precision / top):.1f}"),
    )
    return format_html("{}{}{}{}", _grid(top), lines, mark, _axis(points, place))


def _top(highest: float) -> float:
    """The next round share at or above."""
    steps = (step * 10.0**-power for power in range(5, 0, -1) for step in (1, 2, 5))
    return next((step for step in steps if step >= highest), 1.0)


def _grid(top: float) -> SafeString:
    heights = [(top * part, _TOP + _PLOT * (1 - part)) for part in (0.25, 0.5, 0.75, 1.0)]
    return format_html_join(
        "",
        '<line class="le-chart-grid" x1="0" x2="100%" y1="{}" y2="{}"></line>'
        '<text class="le-chart-tick" x="0" y="{}">{} %</text>',
        ((y, y, y - 4, f"{100 * share:g}") for share, y in heights),
    )


def _axis(points: Sequence[Point], place: Callable[[float], float]) -> SafeString:
    first, last = points[0].size, points[-1].size
    marks = [mark * 10**power for power in range(9) for mark in _MARKS]
    shown = [mark for mark in marks if first <= mark <= last]
    return format_html_join(
        "",
        '<text class="le-chart-tick{}" x="{}%" y="{}" text-anchor="{}">{}</text>',
        (
            (
                "" if str(mark)[0] == "1" else " le-chart-spare",
                f"{100 * place(mark):.2f}",
                _HEIGHT - 8,
                "end" if place(mark) > 0.97 else "start" if place(mark) < 0.03 else "middle",
                _short(mark),
            )
            for mark in shown
        ),
    )


def _short(size: int) -> str:
    for whole, letter in ((1_000_000, "M"), (1_000, "k")):
        if size >= whole:
            return f"{size // whole}{letter}"
    return str(size)
