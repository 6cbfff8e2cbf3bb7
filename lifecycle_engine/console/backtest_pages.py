"""A backtest's page: quality over time beside the baseline, and what it says."""

from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from lifecycle_engine.console.backtest_plot import Spot, quality_plot
from lifecycle_engine.console.figures import count_shown
from lifecycle_engine.console.metrics import figure_shown, metric_name, signed_shown
from lifecycle_engine.console.model_pages import reason_words
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.scoring.backtest_models import Backtest, BacktestState
from lifecycle_engine.scoring.backtests.results import (
    Month,
    MonthState,
    Result,
    Verdict,
    lock_name,
)
from lifecycle_engine.scoring.backtests.telling import (
    month_published,
    month_verdict,
    published_verdict,
    whole_verdict,
)
from lifecycle_engine.scoring.metrics import Comparison

_TONES = {Verdict.BETTER: "good", Verdict.WORSE: "bad", Verdict.UNCLEAR: "warn"}
_STATE_TONES = {BacktestState.FINISHED: "good", BacktestState.FAILED: "bad"}


def backtest_context(backtest: Backtest) -> dict[str, Any]:
    """What the page of a backtest shows."""
    result = Result.of(backtest)
    metric = metric_name(result.metric) if result.metric else ""
    rows = [_row(month, result.metric) for month in result.months]
    lower = any(not month.metrics[result.metric].higher_is_better for month in result.judged)
    over = backtest.state != BacktestState.RUNNING
    return {
        "backtest": backtest,
        "title": str(backtest),
        "tone": _STATE_TONES.get(BacktestState(backtest.state), "info"),
        "stopped": not over and _is_stopped(backtest),
        "command": (
            f"python manage.py plugin backtest {backtest.scorer_key} "
            f"--from {backtest.first:%Y-%m} --to {backtest.last:%Y-%m}"
        ),
        "whole": whole_verdict(result) if over or result.judged else "",
        "published": published_verdict(result),
        "metric": metric,
        "direction": _("lower is better") if lower else _("higher is better"),
        "chart": quality_plot(
            [_spot(month, result.metric) for month in result.months],
            metric=metric,
            columns=(_("Month"), _("Model"), _("Baseline"), _("Difference with interval")),
            rows=[
                (row["name"], row["model"], row["baseline"], row["difference"])
                for row in rows
                if row["judged"]
            ],
        ),
        "rows": rows,
    }


def _is_stopped(backtest: Backtest) -> bool:
    """Whether nobody is at it any more."""
    with advisory_lock(lock_name(backtest.scorer_key)) as free:
        return free


def _spot(month: Month, metric: str) -> Spot:
    label = date_format(month.as_of, "M y")
    found = month.metrics.get(metric)
    if found is None:
        return Spot(label)
    ends = (found.baseline + found.low, found.baseline + found.high)
    return Spot(label, found.model, found.baseline, *ends)


def _row(month: Month, metric: str) -> dict[str, Any]:
    found, verdict = month.metrics.get(metric), month.verdict(metric)
    tone = _TONES[verdict] if verdict is not None else "info"
    return {
        "name": date_format(month.as_of, "YEAR_MONTH_FORMAT"),
        "judged": month.state is MonthState.JUDGED,
        "customers": count_shown(month.customers) if found else "–",
        "model": figure_shown(found.model) if found else "–",
        "baseline": figure_shown(found.baseline) if found else "–",
        "difference": _difference(found),
        "tone": tone,
        "verdict": month_verdict(month, metric=metric),
        "published": month_published(month),
        "published_difference": _difference(month.champion) if month.publishing else "–",
        "reason": reason_words(month.reason) if month.reason else "–",
        "algorithm": month.algorithm or "–",
    }


def _difference(found: Comparison | None) -> str:
    if found is None:
        return "–"
    return _("%(estimate)s (%(low)s to %(high)s)") % {
        "estimate": signed_shown(found.difference),
        "low": signed_shown(found.low),
        "high": signed_shown(found.high),
    }
