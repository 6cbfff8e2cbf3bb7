"""The figures of a model's quality beside its baseline's, as pages show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle_engine.scoring.models import ModelState, ModelVersion
from lifecycle_engine.sdk.scorers import scorers

_METRIC_NAMES = {
    "auc": gettext_lazy("AUC"),
    "roc_auc": gettext_lazy("AUC"),
    "average_precision": gettext_lazy("Average precision"),
    "brier": gettext_lazy("Brier score"),
    "log_loss": gettext_lazy("Log loss"),
    "mae": gettext_lazy("Mean absolute error"),
    "rmse": gettext_lazy("Root mean square error"),
    "top_decile_share": gettext_lazy("Share held by the top tenth"),
    "hit_rate": gettext_lazy("Hit rate at 10"),
    "hit_rate_at_10": gettext_lazy("Hit rate at 10"),
    "ndcg": gettext_lazy("NDCG at 10"),
    "ndcg_at_10": gettext_lazy("NDCG at 10"),
    "spearman": gettext_lazy("Rank correlation"),
    "precision": gettext_lazy("Precision"),
    "recall": gettext_lazy("Recall"),
    "f1": gettext_lazy("F1"),
    "accuracy": gettext_lazy("Accuracy"),
    "total_error": gettext_lazy("Error of the total"),
    "class_log_loss": gettext_lazy("Log loss"),
    "class_accuracy": gettext_lazy("Accuracy"),
    "macro_f1": gettext_lazy("F1, the mean over classes"),
    "stability": gettext_lazy("Agreement with other customers' groups (adjusted Rand index)"),
    "jaccard": gettext_lazy("How far groups are found again (Jaccard)"),
    "explained": gettext_lazy("Share of customers' differences that groups explain"),
}


@dataclass(frozen=True)
class Metric:
    """One figure of quality beside the baseline's."""

    name: str
    model: float
    baseline: float
    low: float | None
    high: float | None
    higher_is_better: bool
    model_low: float | None = None
    model_high: float | None = None

    @property
    def model_shown(self) -> str:
        """The model's value in writing, with its interval where that is known."""
        if self.model_low is None or self.model_high is None:
            return figure_shown(self.model)
        low, high = figure_shown(self.model_low), figure_shown(self.model_high)
        return f"{figure_shown(self.model)} ({low} – {high})"

    @property
    def baseline_shown(self) -> str:
        """The baseline's value in writing."""
        return figure_shown(self.baseline)

    @property
    def difference_shown(self) -> str:
        """How far the model is from the baseline, with its interval where that is known."""
        estimate = signed_shown(self.model - self.baseline)
        if self.low is None or self.high is None:
            return estimate
        words = {"low": signed_shown(self.low), "high": signed_shown(self.high)}
        return _("%(estimate)s (%(low)s to %(high)s)") % {"estimate": estimate, **words}

    @property
    def tone(self) -> str:
        """The colour: good where it is shown to be better, bad where worse, else neither."""
        if self.low is None or self.high is None:
            return "primary"
        sign = 1 if self.higher_is_better else -1
        least, most = sorted((sign * self.low, sign * self.high))
        return "good" if least > 0 else "bad" if most < 0 else "primary"

    @property
    def direction(self) -> str:
        """Which way is good."""
        return _("higher is better") if self.higher_is_better else _("lower is better")


@dataclass(frozen=True)
class ModelFigures:
    """A champion for the dashboard: its newest metrics."""

    version: ModelVersion
    label: str
    url: str
    window: str
    metrics: list[Metric]

    @property
    def better(self) -> bool:
        """Whether the metric that decides is shown to beat the baseline's."""
        return bool(self.metrics) and self.metrics[0].tone == "good"


def champions() -> list[ModelFigures]:
    """The models in use, each with its metrics on what really happened, else on validation."""
    found = ModelVersion.objects.filter(state=ModelState.CHAMPION).order_by("scorer_key")
    return [_champion(version) for version in found]


def scorer_label(key: str) -> str:
    """What a scorer is called; of a plugin that is gone the key."""
    return str(scorers.get(key).label) if key in scorers else key


def metric_name(metric: str) -> str:
    """A metric's name in the reader's language."""
    return str(_METRIC_NAMES.get(metric, metric.replace("_", " ")))


def _champion(version: ModelVersion) -> ModelFigures:
    document = version.card.get("outcome") or version.card.get("validation") or {}
    return ModelFigures(
        version=version,
        label=scorer_label(version.scorer_key),
        url=reverse("admin:scoring_modelversion_change", args=[version.pk]),
        window=_("what really happened") if "outcome" in version.card else _("validation window"),
        metrics=metrics_of(document, version.card),
    )


def metrics_of(document: Mapping[str, Any], card: Mapping[str, Any]) -> list[Metric]:
    """The metrics, the one that decides first: JSON in the database keeps no order."""
    found = document.get("metrics")
    if not isinstance(found, Mapping):
        return []
    decides = card.get("decided_by")
    return [
        Metric(
            name=metric_name(name),
            model=float(value["model"]),
            baseline=float(value["baseline"]),
            low=value.get("low"),
            high=value.get("high"),
            higher_is_better=bool(value.get("higher_is_better", True)),
            model_low=value.get("model_low"),
            model_high=value.get("model_high"),
        )
        for name, value in sorted(found.items(), key=lambda item: (item[0] != decides, item[0]))
        if isinstance(value, Mapping) and _is_number(value.get("model"), value.get("baseline"))
    ]


def _is_number(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def figure_shown(value: float) -> str:
    """A metric's value in writing."""
    return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.2f}"


def signed_shown(value: float | None) -> str:
    """A difference in writing, with its sign."""
    return "–" if value is None else f"{value:+.4g}"
