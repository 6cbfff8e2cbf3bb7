"""A task's part of a model's card: whether it is better off in the shared network, and how."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle_engine.console.charts import Bar, bars
from lifecycle_engine.console.metrics import figure_shown, metric_name, scorer_label, signed_shown
from lifecycle_engine.scoring.models import ModelVersion

_SAID = {
    "helps": (
        gettext_lazy("helps"),
        gettext_lazy("Learning together with other tasks helps this one."),
        "good",
    ),
    "hurts": (
        gettext_lazy("does not help"),
        gettext_lazy("A network for this task alone would be better."),
        "bad",
    ),
    "unclear": (
        gettext_lazy("cannot be told"),
        gettext_lazy("Whether learning together helps this task can't be told."),
        "info",
    ),
}


def task_card_context(version: ModelVersion) -> dict[str, Any]:
    """What the card's page shows of a task; nothing for a scorer that shares no training."""
    report = version.card.get("report") or {}
    found: dict[str, Any] = {}
    if report.get("sharing"):
        found["sharing"] = _sharing(report["sharing"])
    charts = []
    if report.get("task_weights"):
        charts.append(_weights(report))
    if report.get("gates"):
        charts.append(_gates(report["gates"]))
    return found | {"task_charts": charts}


def _sharing(sharing: Mapping[str, Any]) -> dict[str, str]:
    """The verdict, in a word and in a sentence with the figures."""
    badge, verdict, tone = _SAID[sharing["verdict"]]
    figures = _(
        "%(metric)s %(shared)s in the shared network, %(single)s in one for this task alone; "
        "difference %(difference)s [%(low)s to %(high)s] over %(seeds)s seeds; %(direction)s."
    ) % {
        "metric": metric_name(sharing["metric"]),
        "shared": figure_shown(sharing["shared"]),
        "single": figure_shown(sharing["single"]),
        "difference": signed_shown(sharing["shared"] - sharing["single"]),
        "low": signed_shown(sharing["low"]),
        "high": signed_shown(sharing["high"]),
        "seeds": sharing["seeds"],
        "direction": _("higher is better") if sharing["higher_is_better"] else _("lower is better"),
    }
    return {"badge": str(badge), "said": f"{verdict} {figures}", "tone": tone}


def _weights(report: Mapping[str, Any]) -> Any:
    by_uncertainty = report.get("weighed_by") == "uncertainty"
    title = _("Weights of the tasks, learned") if by_uncertainty else _("Weights of the tasks, set")
    items = [
        # A task whose plugin is gone has no name any more.
        Bar(scorer_label(key), *_shown(weight))
        for key, weight in sorted(report["task_weights"].items())
    ]
    return bars(title=title, items=items, columns=(_("Task"), _("Weight")))


def _gates(gates: Mapping[str, float]) -> Any:
    items = [
        Bar(_("Expert %(number)s") % {"number": number}, *_shown(share))
        for number, (_name, share) in enumerate(sorted(gates.items()), start=1)
    ]
    return bars(
        title=_("How much it listens to each expert"), items=items, columns=(_("Expert"), _("Part"))
    )


def _shown(value: float) -> tuple[float, str, str]:
    return value, figure_shown(value), "good"
