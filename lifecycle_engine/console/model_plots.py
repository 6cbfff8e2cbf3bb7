"""The plots of a model's card: gain, calibration, importance and slices, as SVG."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle_engine.console.charts import Bar, Chart, bars, frame
from lifecycle_engine.console.figures import count_shown, share_shown
from lifecycle_engine.segments.models import Stage

_HEIGHT, _TOP, _BOTTOM = 280, 24, 28
_PLOT = _HEIGHT - _TOP - _BOTTOM
_WIDTH = 1000
_ROW = 44
_FEATURES_SHOWN = 12
_DIMENSIONS = {
    "stage": gettext_lazy("Stage"),
    "country": gettext_lazy("Country"),
    "tenure": gettext_lazy("Days since the first order"),
}


def gain_plot(points: Sequence[Mapping[str, Any]], *, amount: bool) -> Chart:
    """What calling the customers with the highest scores first reaches, beside the baseline."""
    title = _("Share of the total reached") if amount else _("Share of the cases reached")
    ours = [(0.0, 0.0), *((point["share"], point["model"]) for point in points)]
    theirs = [(0.0, 0.0), *((point["share"], point["baseline"]) for point in points)]
    band = [(0.0, 0.0), *((point["share"], point["high"]) for point in points)]
    band += [(point["share"], point["low"]) for point in reversed(points)]
    drawn = format_html(
        '{}<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none"><polygon class="le-chart-area" points="{}"></polygon>'
        '<line class="le-chart-zero" x1="0" x2="{}" y1="{}" y2="0"></line>'
        '<polyline class="le-chart-line le-chart-line-quiet" points="{}"></polyline>'
        '<polyline class="le-chart-line" points="{}"></polyline></svg>{}',
        *(_grid(1.0, share_shown), _TOP, _PLOT, _WIDTH, _PLOT, _path(band, 1.0, 1.0)),
        *(_WIDTH, _PLOT, _path(theirs, 1.0, 1.0), _path(ours, 1.0, 1.0)),
        _axis(1.0, share_shown),
    )
    rows = [
        (
            share_shown(point["share"]),
            share_shown(point["model"]),
            f"{share_shown(point['low'])} – {share_shown(point['high'])}",
            share_shown(point["baseline"]),
            f"{point['lift']:.2f}",
        )
        for point in points
    ]
    columns = (_("Customers called"), _("Model"), _("Interval"), _("Baseline"), _("Lift"))
    return _chart(title, rows, columns, drawn)


def calibration_plot(points: Sequence[Mapping[str, Any]], *, amount: bool) -> Chart:
    """What was said of ten groups of customers, beside what came true; the line is honesty."""
    shown = _amount if amount else share_shown
    top = max(max(point["said"], point["high"]) for point in points) or 1.0
    marks = format_html_join(
        "",
        '<line class="le-chart-interval le-chart-quiet" x1="{0}%" x2="{0}%" y1="{1}" y2="{2}">'
        '</line><circle class="le-chart-primary" cx="{0}%" cy="{3}" r="5"></circle>',
        (
            (
                f"{100 * point['said'] / top:.2f}",
                *(_height(point[name], top) for name in ("low", "high", "came_true")),
            )
            for point in points
        ),
    )
    drawn = format_html(
        '{}<line class="le-chart-zero" x1="0" x2="100%" y1="{}" y2="{}"></line>{}{}',
        *(_grid(top, shown), _TOP + _PLOT, _TOP, marks, _axis(top, shown)),
    )
    rows = [
        (
            shown(point["said"]),
            shown(point["came_true"]),
            f"{shown(point['low'])} – {shown(point['high'])}",
            count_shown(point["rows"]),
        )
        for point in points
    ]
    columns = (_("Said"), _("Came true"), _("Interval"), _("Customers"))
    return _chart(_("What was said and what came true"), rows, columns, drawn)


def survival_plots(groups: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Of each group, who was said to be active still in each week, beside who was."""
    names = {
        "everybody": _("Everybody"),
        "low": _("The third least likely to stay"),
        "middle": _("The third in the middle"),
        "high": _("The third most likely to stay"),
    }
    return [_survival_plot(names.get(one["group"], one["group"]), one["points"]) for one in groups]


def _survival_plot(title: str, points: Sequence[Mapping[str, Any]]) -> Chart:
    last = points[-1]["week"]
    said, true = (
        [(0.0, 1.0), *((point["week"], point[name]) for point in points)]
        for name in ("said", "came_true")
    )
    band = [(0.0, 1.0), *((point["week"], point["high"]) for point in points)]
    band += [(point["week"], point["low"]) for point in reversed(points)]
    drawn = format_html(
        '{}<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none"><polygon class="le-chart-area" points="{}"></polygon>'
        '<polyline class="le-chart-line le-chart-line-quiet" points="{}"></polyline>'
        '<polyline class="le-chart-line" points="{}"></polyline></svg>{}',
        *(_grid(1.0, share_shown), _TOP, _PLOT, _WIDTH, _PLOT, _path(band, last, 1.0)),
        *(_path(true, last, 1.0), _path(said, last, 1.0), _axis(last, _week)),
    )
    rows = [
        (
            _week(point["week"]),
            share_shown(point["said"]),
            share_shown(point["came_true"]),
            f"{share_shown(point['low'])} – {share_shown(point['high'])}",
            count_shown(point["at_risk"]),
        )
        for point in points
    ]
    columns = (_("Week"), _("Said"), _("Came true"), _("Interval"), _("Active when it began"))
    return _chart(title, rows, columns, drawn)


def _week(number: float) -> str:
    return f"{number:g}"


def importance_plot(features: Sequence[Mapping[str, Any]], *, metric: str) -> Chart:
    """By how much the model gets worse when a feature is shuffled: the largest few."""
    return bars(
        title=_("Loss of %(metric)s without the feature") % {"metric": metric},
        items=[
            Bar(one["feature"], max(one["loss"], 0.0), f"{one['loss']:.4g}")
            for one in features[:_FEATURES_SHOWN]
        ],
        columns=(_("Feature"), _("Loss")),
    )


def slice_plots(found: Sequence[Mapping[str, Any]], *, metric: str) -> list[Chart]:
    """One plot for each dimension, its groups with their intervals on one scale."""
    dimensions = list(dict.fromkeys(one["dimension"] for one in found))
    return [
        _slice_plot(dimension, [one for one in found if one["dimension"] == dimension], metric)
        for dimension in dimensions
    ]


def group_shown(one: Mapping[str, Any]) -> str:
    """A group's name in the reader's language."""
    name = str(one["group"])
    if one["dimension"] == "stage":
        return str(Stage(name).label) if name in Stage.values else _("none")
    if one["dimension"] == "tenure" and name.endswith("-"):
        return _("%(days)s and more") % {"days": name[:-1]}
    return name.replace("-", " – ") if one["dimension"] == "tenure" else name or _("unknown")


def _slice_plot(dimension: str, found: Sequence[Mapping[str, Any]], metric: str) -> Chart:
    judged = [one for one in found if "model" in one]
    low = min((min(one["low"], one["baseline"]) for one in judged), default=0.0)
    high = max((max(one["high"], one["baseline"]) for one in judged), default=1.0)
    reach = (high - low) or 1.0

    def place(value: float) -> str:
        return f"{2 + 96 * (value - low) / reach:.2f}%"

    drawn = [_slice_row(index * _ROW, one, place) for index, one in enumerate(found)]
    rows = [
        (group_shown(one), _slice_words(one), _slice_said(one), count_shown(one["rows"]))
        for one in found
    ]
    title = f"{_DIMENSIONS.get(dimension, dimension)}: {metric}"
    columns = (_("Group"), metric, _("Said and came true, on average"), _("Customers"))
    return _chart(
        title,
        rows,
        columns,
        format_html_join("", "{}", ((one,) for one in drawn)),
        height=len(found) * _ROW,
    )


def _slice_row(top: int, one: Mapping[str, Any], place: Callable[[float], str]) -> SafeString:
    label = f"{group_shown(one)} ({count_shown(one['rows'])})"
    words = format_html(
        '<text class="le-chart-label" x="0" y="{}">{}</text>'
        '<text class="le-chart-value" x="100%" y="{}" text-anchor="end">{}</text>',
        *(top + 14, label, top + 14, _slice_words(one)),
    )
    if "model" not in one:
        return words
    y = top + 28
    return words + format_html(
        '<line class="le-chart-interval le-chart-quiet" x1="{}" x2="{}" y1="{}" y2="{}"></line>'
        '<circle class="le-chart-primary" cx="{}" cy="{}" r="5"></circle>'
        '<line class="le-chart-cut" x1="{}" x2="{}" y1="{}" y2="{}"></line>',
        *(place(one["low"]), place(one["high"]), y, y, place(one["model"]), y),
        *(place(one["baseline"]), place(one["baseline"]), y - 7, y + 7),
    )


def _slice_words(one: Mapping[str, Any]) -> str:
    if "model" not in one:
        return _("too few to judge")
    return _("%(model)s (%(low)s to %(high)s), baseline %(baseline)s") % {
        name: f"{one[name]:.3f}" for name in ("model", "low", "high", "baseline")
    }


def _slice_said(one: Mapping[str, Any]) -> str:
    return f"{one['said_mean']:.3g} / {one['target_mean']:.3g}" if "said_mean" in one else "–"


def _chart(
    title: str,
    rows: Sequence[Sequence[str]],
    columns: Sequence[str],
    drawn: SafeString,
    *,
    height: int = _HEIGHT,
) -> Chart:
    description = "; ".join(f"{row[0]}: {row[1]}" for row in rows)
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, drawn, height),
        columns=columns,
        rows=rows,
        empty=not rows,
    )


def _path(points: Sequence[tuple[float, float]], right: float, top: float) -> str:
    return " ".join(f"{_WIDTH * x / right:.1f},{_PLOT * (1 - y / top):.1f}" for x, y in points)


def _height(value: float, top: float) -> str:
    return f"{_TOP + _PLOT * (1 - value / top):.1f}"


def _grid(top: float, shown: Callable[[float], str]) -> SafeString:
    return format_html_join(
        "",
        '<line class="le-chart-grid" x1="0" x2="100%" y1="{}" y2="{}"></line>'
        '<text class="le-chart-tick" x="0" y="{}">{}</text>',
        (
            (y, y, y - 4, shown(top * part))
            for part in (0.25, 0.5, 0.75, 1.0)
            for y in (_TOP + _PLOT * (1 - part),)
        ),
    )


def _axis(right: float, shown: Callable[[float], str]) -> SafeString:
    return format_html_join(
        "",
        '<text class="le-chart-tick" x="{}%" y="{}" text-anchor="{}">{}</text>',
        (
            (100 * part, _HEIGHT - 8, anchor, shown(right * part))
            for part, anchor in (
                (0, "start"),
                (0.25, "middle"),
                (0.5, "middle"),
                (0.75, "middle"),
                (1, "end"),
            )
        ),
    )


def _amount(value: float) -> str:
    return count_shown(value) if abs(value) >= 10 else f"{value:.2f}"
