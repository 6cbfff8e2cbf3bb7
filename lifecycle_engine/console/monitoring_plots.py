"""The plot of judged runs: the model beside its baseline over time, as SVG."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from lifecycle_engine.console.charts import Chart, frame

_HEIGHT, _TOP, _BOTTOM = 180, 16, 28
_PLOT = _HEIGHT - _TOP - _BOTTOM
#: Names of moments that fit below the plot.
_TICKS_MOST = 6


def outcome_plot(found: Sequence[Mapping[str, Any]], *, name: Callable[[str], str]) -> Chart:
    """The metric that decides, run by run, with its baseline: bars are the 95 % interval.

    The interval is that of the difference from the baseline, drawn from the baseline on: where it
    does not reach the baseline's mark the difference is shown.

    Args:
        found: figures of judged runs, oldest first.
        name: gives a metric's name in the reader's language.
    """
    metric = found[-1]["metric"]
    shown = [one for one in found if one["metric"]["name"] == metric["name"]]
    points = [_point(one) for one in shown]
    lows, highs = zip(*((min(p[1:5]), max(p[1:5])) for p in points), strict=True)
    low, high = min(lows), max(highs)
    reach = (high - low) or 1.0

    def y(value: float) -> str:
        return f"{_TOP + _PLOT * (1 - (value - low) / reach):.1f}"

    direction = _("higher is better") if metric["higher_is_better"] else _("lower is better")
    title = f"{name(metric['name'])} ({direction})"
    rows = [
        (date, f"{model:.3f}", f"{baseline:.3f}", f"{since:+.3f} – {until:+.3f}", f"{customers:,}")
        for date, model, baseline, since, until, customers in (
            (p[0], p[1], p[4], p[2] - p[4], p[3] - p[4], p[5]) for p in points
        )
    ]
    marks = format_html_join(
        "",
        '<line class="le-chart-interval le-chart-{0}" x1="{1}%" x2="{1}%" y1="{2}" y2="{3}"></line>'
        '<circle class="le-chart-{0}" cx="{1}%" cy="{4}" r="5"></circle>'
        '<line class="le-chart-line" x1="{5}%" x2="{6}%" y1="{7}" y2="{7}"></line>',
        (
            (_tone(one["metric"]), x, y(p[2]), y(p[3]), y(p[1]), x - 2, x + 2, y(p[4]))
            for one, p, x in zip(shown, points, _places(len(points)), strict=True)
        ),
    )
    drawn = format_html("{}{}{}", _grid(low, high, y), marks, _axis([p[0] for p in points]))
    description = "; ".join(f"{row[0]}: {row[1]} / {row[2]}" for row in rows)
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, drawn, _HEIGHT),
        columns=(
            *(_("Scores as of"), _("Model"), _("Baseline")),
            *(_("Difference, 95 % interval"), _("Customers")),
        ),
        rows=rows,
    )


def _point(one: Mapping[str, Any]) -> tuple[str, float, float, float, float, int]:
    """The date, the model, its interval's ends, the baseline, how many customers."""
    metric, began = one["metric"], parse_datetime(one["from"])
    baseline = float(metric["baseline"])
    return (
        date_format(began, "SHORT_DATE_FORMAT") if began else "",
        float(metric["model"]),
        *(baseline + float(metric["low"]), baseline + float(metric["high"])),
        baseline,
        int(one["customers"]),
    )


def _tone(metric: Mapping[str, Any]) -> str:
    way = 1 if metric["higher_is_better"] else -1
    if metric["low"] <= 0 <= metric["high"]:
        return "quiet"
    return "good" if way * metric["low"] > 0 else "bad"


def _places(count: int) -> list[float]:
    """Where each run is drawn, in percent of the width; room for the scale on the left."""
    return [12 + 80 * (number + 0.5) / count for number in range(count)]


def _grid(low: float, high: float, y: Callable[[float], str]) -> Any:
    return format_html_join(
        "",
        '<line class="le-chart-grid" x1="0" x2="100%" y1="{0}" y2="{0}"></line>'
        '<text class="le-chart-tick" x="0" y="{1}">{2}</text>',
        ((y(v), float(y(v)) - 4, f"{v:.3g}") for v in (low, (low + high) / 2, high)),
    )


def _axis(names: Sequence[str]) -> Any:
    every = max(1, -(-len(names) // _TICKS_MOST))
    places = _places(len(names))
    return format_html_join(
        "",
        '<text class="le-chart-tick" x="{}%" y="{}" text-anchor="middle">{}</text>',
        ((f"{places[n]:.2f}", _HEIGHT - 8, names[n]) for n in range(0, len(names), every)),
    )
