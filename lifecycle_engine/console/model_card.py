"""A model's card: what it learned from, and how good it is beside its baseline."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle_engine.console.charts import Bar, Chart, Interval, bars, intervals
from lifecycle_engine.console.class_pages import classes_context
from lifecycle_engine.console.metrics import (
    Metric,
    figure_shown,
    metric_name,
    metrics_of,
    scorer_label,
    signed_shown,
)
from lifecycle_engine.console.model_plots import (
    calibration_plot,
    gain_plot,
    group_shown,
    importance_plot,
    slice_plots,
    survival_plots,
)
from lifecycle_engine.console.search_plot import search_context
from lifecycle_engine.scoring.models import ModelVersion

_STEPS = {
    "features": gettext_lazy("Features and outcomes"),
    "choosing": gettext_lazy("Fit to choose"),
    "fit to be judged": gettext_lazy("Fit to be judged"),
    "judging": gettext_lazy("Judging"),
    "fit for use": gettext_lazy("Fit for use"),
}
#: Features whose values have moved most, on the page; the API has all.
_DRIFT_SHOWN = 8
#: The usual reading of the stability index.
NOTICEABLE, LARGE = 0.1, 0.25


@dataclass(frozen=True)
class Window:
    """The metrics on one window of time, and charts of them."""

    title: str
    span: str
    customers: int
    windows: int
    metrics: list[Metric]
    levels: list[Chart]
    differences: Chart | None


def model_card_context(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    """What the card's page shows."""
    card = version.card
    return {
        "version": version,
        "windows": list(_windows(card)),
        "tables": [
            (_flat(_untold(card)), _("What training tried")),
            (_flat(version.config or {}), _("Configuration")),
        ],
        "features": version.features,
        "trials": [_trial(one) for one in (card.get("report") or {}).get("trials") or []],
        **_search((card.get("report") or {}).get("search")),
        **_survival((card.get("report") or {}).get("survival")),
        **_details(card),
        **classes_context(version),
        "label": scorer_label(version.scorer_key),
        "verdict": _verdict(card),
        "title": str(version),
    }


def _verdict(card: Mapping[str, Any]) -> tuple[str, str] | None:
    """How the model is beside its baseline by the metric that decides: colour and words."""
    better = card.get("better_than_baseline")
    if better is None:
        return None
    if not better:
        return "bad", _("not better than its baseline")
    decides = metrics_of(card.get("validation") or {}, card)[:1]
    if any(metric.tone != "good" for metric in decides):
        return "info", _("ahead of its baseline, which may be chance")
    return "good", _("better than its baseline")


def _untold(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a scorer reports, but for what is told in sentences or drawn."""
    told = ("trials", "survival", "search", "sharing", "gates", "task_weights")
    return {key: value for key, value in (card.get("report") or {}).items() if key not in told}


def _search(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a search of settings came to, of a model that had one."""
    return search_context(found, metric=metric_name(found["metric"])) if found else {}


def _survival(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """The curves of who stayed active, of a model that says so week by week."""
    if not found:
        return {}
    return {
        "survival": survival_plots(found["groups"]),
        "survival_error": figure_shown(found["error"]),
        "survival_error_baseline": figure_shown(found["error_baseline"]),
    }


def _trial(trial: Mapping[str, Any]) -> dict[str, Any]:
    """A trial of the SDK's ``Trial``, with a sentence on what the seeds said."""
    words = {
        # What was tried is marked for translation where its plugin names it.
        "name": _(str(trial["name"])),
        "metric": metric_name(trial["metric"]),
        "difference": signed_shown(trial["difference"]),
        "low": signed_shown(trial["low"]),
        "high": signed_shown(trial["high"]),
        "seeds": trial["seeds"],
        "direction": _("higher is better") if trial["higher_is_better"] else _("lower is better"),
    }
    if trial["helps"]:
        said = _(
            "%(name)s: tried, helps, and is used. %(metric)s %(difference)s "
            "[%(low)s to %(high)s] over %(seeds)s seeds; %(direction)s."
        )
    else:
        said = _(
            "%(name)s: tried, did not help, and is left out. %(metric)s %(difference)s "
            "[%(low)s to %(high)s] over %(seeds)s seeds; %(direction)s."
        )
    return {"said": said % words, "helps": trial["helps"]}


def _details(card: Mapping[str, Any]) -> dict[str, Any]:
    """The plots and tables of a tabular model; a ranking has none."""
    curves, importance = card.get("curves"), card.get("importance") or []
    if not importance:
        return _cost(card)
    decides = str(card.get("decided_by") or "")
    amount = decides == "mae"
    found, lowest = card.get("slices") or [], card.get("worst_slice")
    ranks = metric_name({"mae": "spearman", "class_log_loss": "accuracy"}.get(decides, "auc"))
    drawn = {}
    if curves:
        drawn["gain"] = gain_plot(curves["gain"], amount=amount)
        drawn["calibration"] = calibration_plot(curves["calibration"], amount=amount)
    return drawn | {
        "importance": importance_plot(importance, metric=metric_name(decides)),
        "slices": slice_plots(found, metric=ranks),
        "worst": None
        if lowest is None
        else {
            "group": group_shown(lowest),
            "metric": ranks,
            "value": figure_shown(lowest["model"]),
        },
        "threshold": (card.get("validation") or {}).get("threshold"),
        "drift": [
            {
                "feature": one["feature"],
                "psi": figure_shown(one["psi"]),
                "tone": _drift_tone(one["psi"]),
            }
            for one in card.get("drift") or []
        ][:_DRIFT_SHOWN],
        "total_ratio": _ratio(card),
        **_cost(card),
    }


def _cost(card: Mapping[str, Any]) -> dict[str, Any]:
    laps = card.get("cost") or []
    return {
        "cost": [lap | {"name": _STEPS.get(lap["step"], lap["step"])} for lap in laps],
        "excluded": (card.get("manifest") or {}).get("excluded"),
        "devices": [_trained_on(one) for one in card.get("devices") or []],
    }


def _trained_on(devices: Mapping[str, Any]) -> str:
    """What networks were trained on, of the SDK's ``Devices``."""
    if devices["precision"] == "mixed_float16":
        numbers = _("numbers of 16 and 32 bits")
    else:
        numbers = _("numbers of 32 bits")
    compiled = {
        True: _("compiled by XLA"),
        False: _("not compiled by XLA"),
        "auto": _("compiled by XLA where Keras can"),
    }[devices["compiled"]]
    words = {"count": devices["count"], "kind": devices["kind"]}
    return _("Networks on %(count)s × %(kind)s") % words + f", {numbers}, {compiled}"


def _ratio(card: Mapping[str, Any]) -> str:
    ratio = (card.get("validation") or {}).get("total_ratio")
    return figure_shown(float(ratio)) if isinstance(ratio, int | float) else ""


def _drift_tone(psi: float) -> str:
    return "bad" if psi >= LARGE else "info" if psi >= NOTICEABLE else "good"


def _windows(card: Mapping[str, Any]) -> Iterator[Window]:
    for key, title in (
        ("outcome", _("What really happened")),
        ("validation", _("Window held back, before the model's date")),
    ):
        document = card.get(key)
        if isinstance(document, Mapping):
            metrics = metrics_of(document, card)
            # Of groups that are found no window comes true: customers are held back instead.
            held = "resamples" in document
            yield Window(
                title=_("Customers held out, of whom nothing was learned") if held else title,
                span="" if held else _span(document),
                customers=int(document.get("customers") or document.get("rows") or 0),
                windows=int(document.get("windows") or 1),
                metrics=metrics,
                levels=[_level(metric) for metric in metrics],
                differences=_differences(metrics),
            )


def _level(metric: Metric) -> Chart:
    return bars(
        title=f"{metric.name} ({metric.direction})",
        items=[
            Bar(_("Model"), metric.model, metric.model_shown, metric.tone),
            Bar(_("Baseline"), metric.baseline, metric.baseline_shown, "quiet"),
        ],
        columns=("", metric.name),
    )


def _differences(metrics: list[Metric]) -> Chart | None:
    items = [
        # Turned round where lower is better, so that the right side is always the good one.
        Interval(
            metric.name,
            sign * (metric.model - metric.baseline),
            min(sign * metric.low, sign * metric.high),
            max(sign * metric.low, sign * metric.high),
            metric.difference_shown,
        )
        for metric in metrics
        if metric.low is not None and metric.high is not None
        for sign in (1 if metric.higher_is_better else -1,)
    ]
    if not items:
        return None
    return intervals(
        title=_("Gain over the baseline with its 95 % interval"),
        items=items,
        columns=(_("Metric"), _("Model minus baseline")),
    )


def _span(document: Mapping[str, Any]) -> str:
    ends = [parse_datetime(str(document.get(key) or "")) for key in ("from", "until")]
    return " – ".join(date_format(end, "DATE_FORMAT") for end in ends if end is not None)


def _flat(document: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in document.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name} · ")
        elif isinstance(value, float):
            rows.append((name, figure_shown(value)))
        elif isinstance(value, list):
            rows.append((name, ", ".join(str(item) for item in value[:12])))
        else:
            rows.append((name, str(value)))
    return rows
