"""The summary of the demo: figures for ``demo-report.json``, tables for people."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from campaigns.models import Arm, Enrolment, Occurrence
from campaigns.results import campaign_results
from campaigns.selectors import campaign_books
from lifecycle_engine.config.demo import END, NOW, SOURCE
from lifecycle_engine.config.demo.configuration import SCORERS
from lifecycle_engine.config.demo.pipeline import occurrence_newest
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Event
from lifecycle_engine.messaging.selectors import message_counts
from lifecycle_engine.rewards.models import Coupon
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.warehouse.session import warehouse_session

#: Those that are printed; the others are in the JSON and on the models' cards.
_METRICS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "mae": "mean absolute error, USD",
    "top_decile_share": "share of revenue in the top tenth",
    "hit_rate_at_10": "hit rate at 10",
    "ndcg_at_10": "NDCG at 10",
}
_BASELINES = {
    "churn.risk": "recency alone",
    "value.spend_30d": "spend of the last 30 days",
    "recommender.next_products": "popularity",
}


def report_build(figures: dict[str, dict[str, Any]], *, whole: dict[str, Any]) -> dict[str, Any]:
    """All figures of the demo, as JSON.

    Args:
        figures: each stage's figures by its key.
        whole: seconds and peak memory of the whole main job.
    """
    occurrence = occurrence_newest()
    enrolments = Enrolment.objects.filter(occurrence=occurrence)
    books = campaign_books(occurrence_id=occurrence.pk)
    log = Event.objects.filter(source=SOURCE)
    return {
        "now": NOW.isoformat(),
        "customers": Customer.objects.count(),
        "events": {
            "history": log.filter(occurred_at__lt=NOW).count(),
            "december": log.filter(occurred_at__gte=NOW).count(),
        },
        "main_job": whole,
        "stages": {key: _stage(found) for key, found in figures.items()},
        "models": {scorer: figures["outcome"][scorer] for scorer in SCORERS},
        "segments": dict(Segment.objects.order_by("pk").values_list("key", "size")),
        "campaign": {
            "audience": occurrence.audience,
            "treated": enrolments.filter(arm=Arm.TREATED).count(),
            "holdout": enrolments.filter(arm=Arm.HOLDOUT).count(),
            "coupons_issued": Coupon.objects.count(),
            "messages": message_counts(campaign=occurrence.campaign.key),
            "books": [asdict(step) for step in books.steps],
            "books_balance": books.balanced,
            "result": _result(occurrence),
        },
    }


def report_write(report: dict[str, Any], path: Path) -> None:
    """Write the figures as JSON, whole or not at all."""
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(report, indent=2, sort_keys=True, default=str) + "\n")
    fresh.replace(path)


def report_print(report: dict[str, Any], console: Console) -> None:
    """Print the figures as tables."""
    events = report["events"]
    console.print(
        f"\n[bold]{report['customers']:,} customers[/], {events['history']:,} events before "
        f"1 December 2017, {events['december']:,} after; main job "
        f"{report['main_job']['seconds']:.0f} s, peak {report['main_job']['peak_mebibytes']:,} MiB"
    )
    console.print(_stages_table(report["stages"]))
    console.print(_models_table(report["models"]))
    console.print(_campaign_table(report["campaign"]))
    balance = "[green]balance" if report["campaign"]["books_balance"] else "[bold red]DON'T BALANCE"
    console.print(f"The books {balance}[/].")
    console.print(f"What it caused: {report['campaign']['result']['verdict']}")


def _stage(found: dict[str, Any]) -> dict[str, Any]:
    rows, seconds = found.get("rows"), found["seconds"]
    rate = round(rows / seconds) if rows and seconds else None
    return {"seconds": seconds, "rows": rows, "rows_per_second": rate}


def _result(occurrence: Occurrence) -> dict[str, Any]:
    with warehouse_session(as_of=END) as tables:
        result = campaign_results(occurrence_id=occurrence.pk, until=END, tables=tables)
    return {**asdict(result), "verdict": result.verdict}


def _stages_table(stages: dict[str, Any]) -> Table:
    table = Table("stage", "seconds", "rows", "rows per second", title="What was done")
    for column in table.columns[1:]:
        column.justify = "right"
    for key, stage in stages.items():
        rows = f"{stage['rows']:,}" if stage["rows"] is not None else ""
        rate = f"{stage['rows_per_second']:,}" if stage["rows_per_second"] else ""
        table.add_row(key, f"{stage['seconds']:.1f}", rows, rate)
    return table


def _models_table(models: dict[str, Any]) -> Table:
    table = Table(
        *("model", "metric", "model", "baseline", "difference (95 %)"),
        title="How good the scores were in the real December",
    )
    for scorer, outcome in models.items():
        for name, words in _METRICS.items():
            if name not in outcome["metrics"]:
                continue
            metric = outcome["metrics"][name]
            mark = "[green]" if metric["better"] else "[red]"
            table.add_row(
                scorer,
                words,
                f"{mark}{metric['model']:.3f}[/]",
                f"{metric['baseline']:.3f} ({_BASELINES[scorer]})",
                f"{metric['difference']:+.3f} ({metric['low']:+.3f} to {metric['high']:+.3f})",
            )
    return table


def _campaign_table(campaign: dict[str, Any]) -> Table:
    states = (
        "targeted",
        "sent",
        "suppressed",
        "capped",
        "deferred",
        "failed",
        "unknown",
        "pending",
    )
    table = Table(
        *("channel", *states),
        title=f"The campaign: audience {campaign['audience']:,}, holdout {campaign['holdout']:,}, "
        f"coupons {campaign['coupons_issued']:,}",
    )
    for step in campaign["books"]:
        table.add_row(step["channel"], *(f"{step[state]:,}" for state in states))
    return table
