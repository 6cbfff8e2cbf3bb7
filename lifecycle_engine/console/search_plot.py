"""What a search of settings came to, on a model's card: words, a plot and a table."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from lifecycle_engine.console.charts import Chart, frame

_HEIGHT, _TOP, _BOTTOM = 200, 20, 24
_PLOT = _HEIGHT - _TOP - _BOTTOM
_WIDTH = 1000
#: Where the plot begins and how wide it is, in percent: the scale stands on its left.
_LEFT, _REACH = 6, 92
#: Trials in the table: the configuration and the best ones; the API has all.
_ROWS_MOST = 8


def search_context(found: Mapping[str, Any] | None, *, metric: str) -> dict[str, Any]:
    """What the card's page shows of ``sdk.tuning.Search.as_json()``; nothing without a search.

    Args:
        found: the search.
        metric: the metric's name in the reader's language.
    """
    if not found:
        return {}
    trials, best = found["trials"], int(found["best"])
    names = sorted(trials[0]["settings"])
    shown = {0, *sorted(range(len(trials)), key=lambda n: float(trials[n]["loss"]))[:_ROWS_MOST]}
    return {
        "search": {
            "plot": _plot([float(one["loss"]) for one in trials], metric),
            "said": [_won(found), *_judged(found)],
            "names": names,
            "rows": [
                {
                    "number": number,
                    "loss": f"{trials[number]['loss']:.5g}",
                    "values": [_value(trials[number]["settings"][name]) for name in names],
                    "best": number == best,
                }
                for number in sorted(shown, key=lambda n: (float(trials[n]["loss"]), n))
            ],
        }
    }


def _won(found: Mapping[str, Any]) -> str:
    trials = found["trials"]
    words = {
        "trials": len(trials) + int(found["failed"]),
        "default": f"{trials[0]['loss']:.5g}",
        "best": f"{trials[found['best']]['loss']:.5g}",
        "number": found["best"],
    }
    if not found["best"]:
        said = _("%(trials)s trials found nothing better than the configuration (%(default)s).")
    else:
        said = _(
            "Of %(trials)s trials number %(number)s was best on the window for choices: %(best)s, "
            "the configuration %(default)s. The best of many looks better than it is."
        )
    if float(found["budget"]["seconds"]):
        limit = _("The time was limited, so another training may get another number of trials.")
        return f"{said % words} {limit}"
    return said % words


def _judged(found: Mapping[str, Any]) -> list[str]:
    """What it was worth where it counts; nothing where the configuration stayed as it is."""
    judged = found.get("judged")
    if not judged:
        return [_("The boosting was not chosen, so the search changed nothing.")] * bool(
            found["best"]
        )
    words = {name: f"{value:+.4g}" for name, value in judged.items()}
    if judged["high"] < 0:
        verdict = _("the search has helped")
    else:
        verdict = _("the search has harmed") if judged["low"] > 0 else _("it cannot be told apart")
    said = _(
        "On the window held back the settings found are %(difference)s [%(low)s to %(high)s] "
        "beside the configuration's: %(verdict)s. Lower is better."
    )
    return [said % (words | {"verdict": verdict})]


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plot(losses: Sequence[float], metric: str) -> Chart:
    """Each trial as a dot, and the best so far as a line that only falls."""
    so_far = list(accumulate(losses, min))
    low, high = min(losses), max(losses)
    reach = (high - low) or 1.0

    def height(loss: float) -> float:
        return _PLOT * (1 - (loss - low) / reach)

    def across(number: int) -> float:
        return number / max(len(losses) - 1, 1)

    steps = [
        f"{_WIDTH * across(number):.1f},{height(value):.1f}"
        for number in range(len(losses))
        # First along at what was best before, then down.
        for value in dict.fromkeys((so_far[max(number - 1, 0)], so_far[number]))
    ]
    dots = format_html_join(
        "",
        '<circle class="le-chart-{}" cx="{}%" cy="{}" r="4"></circle>',
        (
            (
                "primary" if loss == so_far[-1] else "quiet",
                f"{_LEFT + _REACH * across(number):.2f}",
                f"{_TOP + height(loss):.1f}",
            )
            for number, loss in enumerate(losses)
        ),
    )
    drawn = format_html(
        '{}<svg x="{}%" y="{}" width="{}%" height="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none"><polyline class="le-chart-line" points="{}"></polyline></svg>'
        "{}{}",
        *(_grid(low, high, reach), _LEFT, _TOP, _REACH, _PLOT, _WIDTH, _PLOT, " ".join(steps)),
        *(dots, _axis(len(losses))),
    )
    title = _("%(metric)s by trial (lower is better)") % {"metric": metric}
    rows = [(str(n), f"{loss:.5g}", f"{so_far[n]:.5g}") for n, loss in enumerate(losses)]
    description = "; ".join(f"{row[0]}: {row[1]}" for row in rows[:20])
    return Chart(
        title=title,
        description=description,
        svg=frame(title, description, drawn, _HEIGHT),
        columns=(_("Trial"), metric, _("Best so far")),
        rows=rows,
    )


def _grid(low: float, high: float, reach: float) -> SafeString:
    return format_html_join(
        "",
        '<line class="le-chart-grid" x1="0" x2="100%" y1="{}" y2="{}"></line>'
        '<text class="le-chart-tick" x="0" y="{}">{}</text>',
        (
            (y, y, y - 4, f"{value:.4g}")
            for value in dict.fromkeys((low, (low + high) / 2, high))
            for y in (_TOP + _PLOT * (1 - (value - low) / reach),)
        ),
    )


def _axis(count: int) -> SafeString:
    return format_html_join(
        "",
        '<text class="le-chart-tick" x="{}%" y="{}" text-anchor="{}">{}</text>',
        (
            (_LEFT, _HEIGHT - 6, "middle", 0),
            (_LEFT + _REACH, _HEIGHT - 6, "middle", count - 1),
        ),
    )
