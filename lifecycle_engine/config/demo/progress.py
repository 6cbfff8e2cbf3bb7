"""What someone who runs the demo sees while it works: one bar a stage."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from lifecycle_engine.core.jobs import job_run
from lifecycle_engine.core.models import JobRun, JobState

_JOB = "demo.stage"


@dataclass
class Bar:
    """One stage's bar; whoever does the stage moves it."""

    progress: Progress
    task: TaskID
    figures: dict[str, Any] = field(default_factory=dict)

    def to(self, done: int, total: int | None) -> None:
        """Move the bar."""
        self.progress.update(self.task, completed=done, total=total)

    def note(self, text: str) -> None:
        """Say what is being done right now."""
        self.progress.update(self.task, note=text)


class Stages:
    """Runs stages one after another and remembers the figures of each one's first success."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
        )

    def __enter__(self) -> Self:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bars as they are."""
        self._progress.stop()

    @contextmanager
    def _stage(self, title: str) -> Iterator[Bar]:
        bar = Bar(self._progress, self._progress.add_task(title, total=None, note=""))
        yield bar
        task = self._progress.tasks[bar.task]
        total = task.total if task.total is not None else max(1, int(task.completed))
        self._progress.update(bar.task, completed=total, total=total, note="")

    def once(self, key: str, title: str, work: Callable[[Bar], None]) -> dict[str, Any]:
        """Do a stage unless it has been done; returns its figures, ``seconds`` among them."""
        with self._stage(title) as bar:
            return _first_figures(key) or _figures(key, bar, work)

    def again(self, key: str, title: str, work: Callable[[Bar], None]) -> dict[str, Any]:
        """Do a stage every time; returns the figures of the first time, when there was work."""
        with self._stage(title) as bar:
            first = _first_figures(key)
            figures = _figures(key, bar, work)
            return first or figures


def whole_job(**figures: Any) -> dict[str, Any]:
    """Keep the figures of the whole main job; returns those of the first time."""
    first = _first_figures("whole")
    if first is None:
        with job_run(_JOB, "whole") as job:
            job.result(**figures)
    return first or figures


def _first_figures(key: str) -> dict[str, Any] | None:
    succeeded = JobRun.objects.filter(name=_JOB, subject=key, state=JobState.SUCCEEDED)
    first = succeeded.order_by("pk").first()
    return None if first is None else dict(first.result)


def _figures(key: str, bar: Bar, work: Callable[[Bar], None]) -> dict[str, Any]:
    with job_run(_JOB, key) as job:
        start = time.perf_counter()
        work(bar)
        seconds = time.perf_counter() - start
        job.result(**bar.figures, seconds=round(seconds, 2))
        return dict(job.run.result)
