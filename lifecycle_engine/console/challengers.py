"""Versions that wait, judged beside the champion: on their cards and under *Monitoring*."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle_engine.console.figures import count_shown
from lifecycle_engine.console.metrics import figure_shown, metric_name, signed_shown
from lifecycle_engine.scoring.models import ModelState

#: What the interval of the difference means, and how it is coloured.
_VERDICTS = {
    "better": (gettext_lazy("would have been better"), "good"),
    "worse": (gettext_lazy("would have been worse"), "bad"),
    "same": (gettext_lazy("no difference to be told"), "info"),
}


def challenges_shown(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table: a version beside a run's champion and the baseline.

    Args:
        found: as ``monitoring.selectors`` gives them.
    """
    return [_row(one) for one in found]


def _row(one: Mapping[str, Any]) -> dict[str, Any]:
    metric, began = one["metric"], parse_datetime(one["from"])
    row = {
        "id": one["id"],
        "model": one["model"],
        "state": ModelState(one["state"]).label,
        "champion": one["champion"],
        "as_of": date_format(began, "DATE_FORMAT") if began else "",
        "customers": count_shown(one["customers"]),
    }
    if metric is None:
        failed = one.get("error")
        said = _("it cannot score any more") if failed else _("too few to judge")
        return row | {"verdict": said, "tone": "warn" if failed else "info"}
    verdict, tone = _VERDICTS[one["verdict"]]
    direction = _("higher is better") if metric["higher_is_better"] else _("lower is better")
    return row | {
        "metric": metric_name(metric["name"]),
        "direction": direction,
        "own": figure_shown(metric["model"]),
        "theirs": figure_shown(metric["baseline"]),
        "baseline": figure_shown(one["baseline"]["baseline"]),
        "beside_champion": _difference(metric),
        "beside_baseline": _difference(one["baseline"]),
        "verdict": verdict,
        "tone": tone,
    }


def _difference(metric: Mapping[str, Any]) -> str:
    return _("%(estimate)s (%(low)s to %(high)s)") % {
        "estimate": signed_shown(metric["difference"]),
        "low": signed_shown(metric["low"]),
        "high": signed_shown(metric["high"]),
    }
