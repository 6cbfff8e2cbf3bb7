"""A model's quality over the months of a backtest, beside its baseline's, as SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from lifecycle_engine.console.charts import Chart, frame

_HEIGHT, _TOP, _BOTTOM = 300, 24, 28
_PLOT = _HEIGHT - _TOP - _BOTTOM
#: Months stand in the middle of columns of equal width.
_LABELS_MOST = 8


@dataclass(frozen=True)
class Spot:
    """One month.

    Attributes:
        label: its name on the axis.
        model: the model's figure; None where the month was not judged.
        baseline: the baseline's.
        low: the baseline's figure with the lower end of the difference's interval added: where
            the baseline's line runs outside the band, the difference is shown.
        high: with the upper end.
    """

    label: str
    model: float | None = None
    baseline: float = 0.0
    low: float = 0.0
    high: float = 0.0


def quality_plot(
    spots: Sequence[Spot],
    *,
    metric: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Chart:
    """Model and baseline over time; months that were not judged leave a gap.

    Args:
        spots: the months, in order.
        metric: the name of what is measured.
        columns: the table's headings.
        rows: the table, a row for each month.
    """
    title = _("%(metric)s over time") % {"metric": metric}
    description = "; ".join(f"{row[0]}: {', '.join(row[1:])}" for row in rows)
    judged = [spot for spot in spots if spot.model is not None]
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, _drawn(spots), _HEIGHT) if judged else SafeString(),
        columns=columns,
        rows=rows,
        empty=not judged,
    )


def _drawn(spots: Sequence[Spot]) -> SafeString:
    least, most = _range(spots)

    def height(value: float) -> float:
        return _TOP + _PLOT * (1 - (value - least) / (most - least))

    runs = _runs(spots)
    parts = [_grid(least, most, height), *(_band(spots, run, height) for run in runs)]
    parts += [_marks(spots, run, height) for run in runs]
    parts.append(_axis(spots))
    return format_html_join("", "{}", ((part,) for part in parts))


def _range(spots: Sequence[Spot]) -> tuple[float, float]:
    """The scale: all that is drawn, with a margin; from zero where that is near."""
    values = [
        value
        for spot in spots
        if spot.model is not None
        for value in (spot.model, spot.baseline, spot.low, spot.high)
    ]
    least, most = min(values), max(values)
    margin = (most - least or abs(most) or 1.0) * 0.08
    near = 0 <= least < (most - least) / 2
    return 0.0 if near else least - margin, most + margin


def _runs(spots: Sequence[Spot]) -> list[list[int]]:
    """Stretches of months that were judged, without a gap."""
    runs: list[list[int]] = []
    for place, spot in enumerate(spots):
        if spot.model is None:
            continue
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _band(
    spots: Sequence[Spot], run: Sequence[int], height: Callable[[float], float]
) -> SafeString:
    """The band and both lines, stretched over the width of the chart."""
    width = len(spots)

    def path(values: Sequence[tuple[int, float]]) -> str:
        return " ".join(f"{1000 * (place + 0.5) / width:.1f},{y:.1f}" for place, y in values)

    band = [(place, height(spots[place].high)) for place in run]
    band += [(place, height(spots[place].low)) for place in reversed(run)]
    return format_html(
        '<svg x="0" y="0" width="100%" height="{}" viewBox="0 0 1000 {}" '
        'preserveAspectRatio="none"><polygon class="le-chart-area" points="{}"></polygon>'
        '<polyline class="le-chart-line le-chart-line-quiet" points="{}"></polyline>'
        '<polyline class="le-chart-line" points="{}"></polyline></svg>',
        *(_HEIGHT, _HEIGHT, path(band)),
        path([(place, height(spots[place].baseline)) for place in run]),
        path([(place, height(spots[place].model or 0.0)) for place in run]),
    )


def _marks(
    spots: Sequence[Spot], run: Sequence[int], height: Callable[[float], float]
) -> SafeString:
    """Each month's figures and interval, which also show where a month stands alone."""
    return format_html_join(
        "",
        '<line class="le-chart-interval le-chart-quiet" x1="{0}%" x2="{0}%" y1="{1}" y2="{2}">'
        '</line><circle class="le-chart-quiet" cx="{0}%" cy="{3}" r="3"></circle>'
        '<circle class="le-chart-primary" cx="{0}%" cy="{4}" r="5"></circle>',
        (
            (
                f"{_x(place, spots):.2f}",
                *(f"{height(value):.1f}" for value in (spot.low, spot.high, spot.baseline)),
                f"{height(spot.model or 0.0):.1f}",
            )
            for place in run
            for spot in (spots[place],)
        ),
    )


def _grid(least: float, most: float, height: Callable[[float], float]) -> SafeString:
    values = [least + (most - least) * part for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return format_html_join(
        "",
        '<line class="le-chart-grid" x1="0" x2="100%" y1="{0}" y2="{0}"></line>'
        '<text class="le-chart-tick" x="0" y="{1}">{2}</text>',
        ((f"{height(value):.1f}", f"{height(value) - 4:.1f}", f"{value:.3g}") for value in values),
    )


def _axis(spots: Sequence[Spot]) -> SafeString:
    every = max(1, -(-len(spots) // _LABELS_MOST))
    return format_html_join(
        "",
        '<text class="le-chart-tick{}" x="{}%" y="{}" text-anchor="middle">{}</text>',
        (
            (
                *(" le-chart-spare" if number % 2 else "", f"{_x(place, spots):.2f}", _HEIGHT - 8),
                spots[place].label,
            )
            for number, place in enumerate(range(0, len(spots), every))
        ),
    )


def _x(place: int, spots: Sequence[Spot]) -> float:
    return 100 * (place + 0.5) / len(spots)
