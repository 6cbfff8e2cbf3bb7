"""Backtests from the shell: a bar while it works, then a table, verdicts and JSON."""

import json
from datetime import date
from pathlib import Path

from django.db import OperationalError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from lifecycle_engine.scoring.backtest_models import Backtest
from lifecycle_engine.scoring.backtests.months import month_parse
from lifecycle_engine.scoring.backtests.results import Month, Result, backtest_json
from lifecycle_engine.scoring.backtests.running import backtest_run
from lifecycle_engine.scoring.backtests.telling import (
    month_published,
    month_verdict,
    published_verdict,
    whole_verdict,
)
from lifecycle_engine.scoring.errors import BacktestError, ScoringError
from lifecycle_engine.sdk.errors import UnknownExtensionError

#: Of the table: a row is a line also where the output is no terminal.
_WIDTH = 132


class BacktestShellError(Exception):
    """There is no backtest to show; the message says why."""


def backtest_shell(*, key: str, first: str, last: str, out: Path | None, told: Console) -> str:
    """Make a backtest and tell of it.

    Args:
        key: the scorer.
        first: the first month, such as ``2017-06``.
        last: the last one.
        out: a file for the JSON.
        told: where bar, table and verdicts go.

    Returns:
        The JSON.

    Raises:
        BacktestShellError: it is refused or fails, or is stopped.
    """
    try:
        # Before hours of work, not after.
        if out is not None and not out.resolve().parent.is_dir():
            raise BacktestError(f"out={str(out)!r}: there is no such folder")
        backtest = _run(key, month_parse(first, name="from"), month_parse(last, name="to"), told)
    except (ScoringError, UnknownExtensionError) as error:
        raise BacktestShellError(str(error)) from None
    except OperationalError as error:
        reason = str(error).partition("\n")[0]
        raise BacktestShellError(f"{reason}: the same command goes on from there") from None
    except KeyboardInterrupt:
        raise BacktestShellError("stopped; the same command goes on from there") from None
    result = Result.of(backtest)
    told.print(_table(backtest, result), width=max(told.width, _WIDTH), crop=False)
    told.print(whole_verdict(result), soft_wrap=True)
    told.print(published_verdict(result), soft_wrap=True)
    told.print(f"Models → Backtests has it with a plot, as number {backtest.pk}.", soft_wrap=True)
    document = json.dumps(backtest_json(backtest), indent=2)
    if out is not None:
        out.write_text(document + "\n")
    return document


def _run(key: str, first: date, last: date, told: Console) -> Backtest:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[doing]}"),
        console=told,
    )
    with bar:
        task = bar.add_task(key, total=None, doing="")

        def watch(now: Backtest, doing: str) -> None:
            bar.update(task, completed=len(now.months), total=now.total, doing=doing)

        return backtest_run(scorer_key=key, first=first, last=last, by="manage.py", watch=watch)


def _table(backtest: Backtest, result: Result) -> Table:
    table = Table(title=f"{backtest.scorer_key}, {result.metric or 'not judged'}")
    for column in ("month", "customers", "model", "baseline", "difference (95 %)", "verdict"):
        table.add_column(column)
    table.add_column("published")
    for month in result.months:
        table.add_row(
            month.month,
            f"{month.customers:,}" if month.metrics else "",
            *_figures(month, result.metric),
            month_verdict(month, metric=result.metric),
            month_published(month),
        )
    return table


def _figures(month: Month, metric: str) -> tuple[str, str, str]:
    found = month.metrics.get(metric)
    if found is None:
        return "", "", ""
    ends = f"({found.low:+.4g} to {found.high:+.4g})"
    return f"{found.model:.4f}", f"{found.baseline:.4f}", f"{found.difference:+.4g} {ends}"
