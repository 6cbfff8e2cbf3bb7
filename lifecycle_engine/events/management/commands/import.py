"""``manage.py import``: bring customers, events, products or consents in from a file."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lifecycle_engine.events.imports.limits import ImportFileError
from lifecycle_engine.events.imports.running import import_run
from lifecycle_engine.events.imports.services import import_local
from lifecycle_engine.events.models import PLAIN_KINDS, Import, ImportState
from lifecycle_engine.events.services import SourceError

_REJECTED_SHOWN = 10


class Command(BaseCommand):
    help = (
        "Import a CSV, JSON Lines or Parquet file, which may be compressed by gzip. The same "
        "command again goes on where the last one was broken off."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=[*PLAIN_KINDS], help="What the rows are.")
        parser.add_argument("file", type=Path, help="The file.")
        parser.add_argument(
            "--source",
            default="import",
            help="Where the rows come from; message ids of events are unique within it. "
            "Default %(default)s.",
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            type=_mapped,
            metavar="COLUMN=FIELD",
            help="Which field a column fills; may be repeated. An empty field leaves the column "
            "out. Other columns go by their names.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Check every row and keep none.")

        parser.add_argument(
            "--complete",
            action="store_true",
            help="These are all products: what is missing is no longer available.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"].resolve()
        try:
            run = import_local(
                kind=options["kind"],
                source=options["source"],
                path=path,
                mapping=dict(options["map"]),
                dry_run=options["dry_run"],
                by="manage.py",
                complete=options["complete"],
            )
        except ImportFileError as error:
            raise CommandError(f"{path.name} {error}") from None
        except SourceError as error:
            raise CommandError(str(error)) from None
        if run.rows:
            self.stderr.write(f"Going on after row {run.rows:,}.")
        run = self._imported(run, path)
        self._told(run)
        if run.state != ImportState.SUCCEEDED:
            raise CommandError(run.error or f"The import is {run.get_state_display()}.")

    def _imported(self, run: Import, path: Path) -> Import:
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        with bar:
            task = bar.add_task(f"{run.kind} {run.name}", total=None, rate="")

            def watch(now: Import) -> None:
                bar.update(
                    task,
                    completed=now.rows,
                    total=now.rows_total,
                    rate=f"{now.rows / max(now.seconds, 1e-9):,.0f}/s",
                )

            try:
                return import_run(import_id=run.pk, at=timezone.now(), path=path, watch=watch)
            except OperationalError as error:
                reason = str(error).partition("\n")[0]
                raise CommandError(f"{reason}: the same command goes on from there.") from None

    def _told(self, run: Import) -> None:
        kept = " (dry run: nothing is kept)" if run.dry_run else ""
        self.stdout.write(
            f"{run.rows:,} rows: {run.created:,} new, {run.updated:,} changed, "
            f"{run.unchanged:,} known already, {run.rejected:,} rejected{kept}"
        )
        for rejection in run.rejections.order_by("row")[:_REJECTED_SHOWN]:
            self.stderr.write(f"row {rejection.row}: {rejection.field}: {rejection.message}")
        if run.rejected > _REJECTED_SHOWN:
            self.stderr.write(f"and {run.rejected - _REJECTED_SHOWN:,} more: see the admin.")


def _mapped(text: str) -> tuple[str, str]:
    column, separator, name = text.rpartition("=")
    if not separator:
        raise ArgumentTypeError(f"wants COLUMN=FIELD, got {text!r}")
    return column, name
