"""The plots of classes: a map of customers, and shares from run to run, as SVG.

Colours tell classes apart for those who see them; a number stands beside each for all others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from lifecycle_engine.console.charts import Chart, frame
from lifecycle_engine.console.figures import count_shown, share_shown
from lifecycle_engine.sdk.agreement import Floats, Labels

#: Colours that the stylesheet has; a further class begins again with the first.
COLOURS = 10
_HEIGHT, _WIDTH = 420, 1000
#: Percentiles at which the axes end: a few far away must not press all others together.
_INNER = (0.5, 99.5)
_EDGE = 0.04
_ROW = 44


@dataclass(frozen=True)
class Shares:
    """How the customers are spread over the classes at one moment: counts by number."""

    label: str
    counts: Mapping[int, int]


def colour_of(number: int) -> int:
    """Which of the stylesheet's colours a class has, whatever other classes there are."""
    return number % COLOURS


def map_plot(points: Sequence[Sequence[float]], names: Mapping[int, str]) -> Chart:
    """Customers as points, near one another where they are alike, and each class's name.

    Args:
        points: x, y and the class's number of each.
        names: what the classes are called.
    """
    values = np.array([point[:2] for point in points], dtype=float).reshape(-1, 2)
    numbers = np.array([int(point[2]) for point in points], dtype=int)
    places = _placed(values)
    middles = {
        int(one): np.median(places[numbers == one], axis=0) for one in np.unique(numbers).tolist()
    }
    rows = [
        (str(number), names.get(number, str(number)), count_shown(int((numbers == number).sum())))
        for number in middles
    ]
    title = _("A map of customers: who is alike is near")
    description = "; ".join(f"{number}: {name}" for number, name, _count in rows)
    drawn = format_html(
        '<svg x="0" y="0" width="100%" height="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none">{}</svg>{}',
        *(_HEIGHT, _WIDTH, _HEIGHT, _dots(places, numbers), _labels(middles)),
    )
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, drawn, _HEIGHT),
        columns=(_("Number"), _("Class"), _("Points")),
        rows=rows,
        empty=not rows,
    )


def shares_plot(moments: Sequence[Shares], names: Mapping[int, str]) -> Chart:
    """A bar for each run, cut into the classes' shares."""
    numbers = sorted({number for moment in moments for number in moment.counts})
    rows = [
        (moment.label, *(_share_of(moment, number) for number in numbers)) for moment in moments
    ]
    title = _("Shares of the classes from run to run")
    description = "; ".join(f"{row[0]}: {', '.join(row[1:])}" for row in rows)
    bars = format_html_join(
        "", "{}", ((_bar(row * _ROW, moment, numbers),) for row, moment in enumerate(moments))
    )
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, bars, len(moments) * _ROW),
        columns=(_("Run"), *(f"{number} · {names.get(number, number)}" for number in numbers)),
        rows=rows,
        empty=not moments,
    )


def _placed(values: Floats) -> Floats:
    """Places within the drawing, y upwards; those far out stand at its edge."""
    if not len(values):
        return values
    low, high = np.percentile(values, _INNER, axis=0)
    reach = np.where(high > low, high - low, 1.0)
    inside = np.clip((values - low) / reach, 0.0, 1.0) * (1 - 2 * _EDGE) + _EDGE
    inside[:, 1] = 1 - inside[:, 1]
    found: Floats = inside * (_WIDTH, _HEIGHT)
    return found


def _dots(places: Floats, numbers: Labels) -> SafeString:
    # A line without length, with round ends, is a dot: one path for a whole class.
    return format_html_join(
        "",
        '<path class="le-class-dots le-class-stroke-{}" d="{}"></path>',
        (
            (
                colour_of(int(number)),
                "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places[numbers == number]),
            )
            for number in np.unique(numbers).tolist()
        ),
    )


def _labels(middles: Mapping[int, Floats]) -> SafeString:
    return format_html_join(
        "",
        '<circle class="le-class-mark le-class-fill-{0}" cx="{1}%" cy="{2}" r="13"></circle>'
        '<text class="le-class-number" x="{1}%" y="{3}" text-anchor="middle">{4}</text>',
        (
            (
                *(colour_of(number), f"{100 * place[0] / _WIDTH:.1f}", f"{place[1]:.0f}"),
                *(f"{place[1] + 4.5:.0f}", number),
            )
            for number, place in middles.items()
        ),
    )


def _bar(top: int, moment: Shares, numbers: Sequence[int]) -> SafeString:
    whole = sum(moment.counts.values()) or 1
    parts, start = [], 0.0
    for number in numbers:
        width = 100 * moment.counts.get(number, 0) / whole
        parts.append((colour_of(number), start, width, number))
        start += width
    return format_html(
        '<text class="le-chart-label" x="0" y="{}">{}</text>'
        '<text class="le-chart-value" x="100%" y="{}" text-anchor="end">{}</text>{}',
        *(top + 14, moment.label, top + 14, count_shown(whole)),
        format_html_join("", "{}", ((_part(top + 20, *part),) for part in parts if part[2] > 0)),
    )


def _part(top: int, colour: int, start: float, width: float, number: int) -> SafeString:
    drawn = format_html(
        '<rect class="le-class-fill-{}" x="{}%" y="{}" width="{}%" height="18"></rect>',
        *(colour, f"{start:.2f}", top, f"{width:.2f}"),
    )
    if width < 3:  # There is no room for its number.
        return drawn
    return drawn + format_html(
        '<text class="le-class-number" x="{}%" y="{}" text-anchor="middle">{}</text>',
        *(f"{start + width / 2:.2f}", top + 13, number),
    )


def _share_of(moment: Shares, number: int) -> str:
    whole = sum(moment.counts.values()) or 1
    return share_shown(moment.counts.get(number, 0) / whole)
