"""Running an import: chunk after chunk, each with the place that it brings the import to."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.events.catalogue import products_withdraw
from lifecycle_engine.events.imports.chunks import Chunk, Place, Refusal, Table
from lifecycle_engine.events.imports.files import file_opened
from lifecycle_engine.events.imports.kinds import writer_for
from lifecycle_engine.events.imports.limits import REJECTIONS_KEPT, ImportFileError
from lifecycle_engine.events.imports.mapping import mapping_complete
from lifecycle_engine.events.imports.row_writers import skus_there
from lifecycle_engine.events.imports.tables import table_open
from lifecycle_engine.events.imports.writers import StagingWriter, Writer
from lifecycle_engine.events.models import Import, ImportKind, ImportRejection, ImportState

#: So often an import is started without one more row going in.
ATTEMPTS_LIMIT = 5
_UNDER_WAY = (ImportState.QUEUED, ImportState.RUNNING)


@dataclass(frozen=True, slots=True)
class _Work:
    """What the loop needs: the file's rows and who writes them."""

    table: Table
    writer: Writer
    mapping: dict[str, str]


def import_run(
    *,
    import_id: int,
    at: datetime,
    path: Path | None = None,
    seconds: float | None = None,
    watch: Callable[[Import], None] | None = None,
) -> Import:
    """Import what is left of a file.

    Every chunk of rows is one transaction, which also says how far the import is: whatever happens,
    it goes on behind the last row that is in. Of two processes one finds it taken and does nothing.

    Args:
        import_id: which import.
        at: when the rows count as received.
        path: the file, where it is not in storage.
        seconds: after so many the rest is left for another run.
        watch: told of the import after each chunk.

    Returns:
        The import as it is afterwards: under way when time was up or somebody else is at it.
    """
    with advisory_lock(f"events.import.{import_id}") as free:
        run = _begun(import_id) if free else Import.objects.get(pk=import_id)
        if not free or run.state != ImportState.RUNNING:
            return run
        try:
            with file_opened(stored=run.stored, path=path) as file:
                _rows_import(run, _work(run, file, at), seconds, watch)
        except ImportFileError as error:
            _ended(run, ImportState.FAILED, f"{run.name} {error}")
        except (OperationalError, InterfaceError, KeyboardInterrupt, SystemExit):
            raise  # It goes on when the database is there again, or when it is started again.
        except BaseException as error:
            _ended(run, ImportState.FAILED, f"{type(error).__name__}: {error}")
            raise
    return Import.objects.get(pk=import_id)


@transaction.atomic
def _begun(import_id: int) -> Import:
    run = Import.objects.select_for_update().get(pk=import_id)
    if run.state not in _UNDER_WAY:
        return run
    run.attempts += 1
    if run.attempts > ATTEMPTS_LIMIT:
        _ended(run, ImportState.FAILED, f"was started {ATTEMPTS_LIMIT} times and got no further")
        run.refresh_from_db()
        return run
    run.state = ImportState.RUNNING
    Import.objects.filter(pk=run.pk, started_at=None).update(started_at=Now())
    run.save(update_fields=["state", "attempts"])
    return run


def _work(run: Import, file: BinaryIO, at: datetime) -> _Work:
    table = table_open(file)
    mapping = mapping_complete(ImportKind(run.kind), table.columns, run.mapping)
    Import.objects.filter(pk=run.pk).update(rows_total=table.total, columns=table.columns)
    writer = writer_for(
        run=run,
        mapping=mapping,
        at=at,
        rng=np.random.default_rng(),
    )
    return _Work(table, writer, mapping)


def _rows_import(
    run: Import, work: _Work, seconds: float | None, watch: Callable[[Import], None] | None
) -> None:
    ends = None if seconds is None else time.monotonic() + seconds
    began = time.monotonic()
    for chunk, prepared in _ahead(_prepared(run, work)):
        run = _chunk_write(run, chunk, prepared, work.writer, began)
        began = time.monotonic()
        if watch is not None:
            watch(run)
        if run.state != ImportState.RUNNING or (ends is not None and began > ends):
            return
    _finished(run, work)


@transaction.atomic
def _finished(run: Import, work: _Work) -> None:
    """End the import; where these are all products, withdraw those that are missing."""
    problem = ""
    if run.complete:
        sku = next(column for column, name in work.mapping.items() if name == "sku")
        there, unread = skus_there(work.table, column=sku)
        if unread or run.rows == run.rejected:
            problem = f"no product was withdrawn: {unread or run.rejected} rows can't be read"
        else:
            with transaction.atomic():
                run.updated += products_withdraw(skus_there=there)
                transaction.set_rollback(run.dry_run)
            run.save(update_fields=["updated"])
    if isinstance(work.writer, StagingWriter):
        run.figures = dict(work.writer.finish(dry_run=run.dry_run))
        run.save(update_fields=["figures"])
    _ended(run, ImportState.SUCCEEDED, problem)


def _prepared(run: Import, work: _Work) -> Iterator[tuple[Chunk, Any]]:
    for chunk in work.table.chunks(Place(run.rows, run.offset, list(work.mapping))):
        yield chunk, work.writer.prepare(chunk)


def _ahead(pairs: Iterator[tuple[Chunk, Any]]) -> Iterator[tuple[Chunk, Any]]:
    """The same, each made ready in a thread while the one before is written."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, pairs, None)
        while (pair := waiting.result()) is not None:
            waiting = pool.submit(next, pairs, None)
            yield pair


@transaction.atomic
def _chunk_write(
    expected: Import, chunk: Chunk, prepared: Any, writer: Writer, began: float
) -> Import:
    """Write the rows and say that they are in, both or neither; returns the import as it is."""
    run = Import.objects.select_for_update().get(pk=expected.pk)
    if run.state != ImportState.RUNNING:
        return run  # Somebody stopped it.
    with transaction.atomic():
        written = writer.write(prepared)
        # What is only set aside is needed to the end of a dry run too.
        if run.dry_run and not isinstance(writer, StagingWriter):
            transaction.set_rollback(True)
    _rejections_keep(run, written.refused)
    run.rows, run.offset = chunk.rows, chunk.offset
    run.created += written.created
    run.updated += written.updated
    run.unchanged += written.unchanged
    run.rejected += len(written.refused)
    run.seconds += time.monotonic() - began
    run.attempts = 0
    figures = ["rows", "offset", "created", "updated", "unchanged", "rejected", "seconds"]
    run.save(update_fields=[*figures, "attempts"])
    Import.objects.filter(pk=run.pk).update(heartbeat_at=Now())
    return run


def _rejections_keep(run: Import, refused: Any) -> None:
    room = max(0, REJECTIONS_KEPT - run.rejected)
    kept: list[Refusal] = sorted(refused, key=lambda refusal: refusal.row)[:room]
    ImportRejection.objects.bulk_create(
        [
            ImportRejection(
                imported=run,
                row=refusal.row,
                field=refusal.field,
                message=refusal.message,
                values=refusal.values,
            )
            for refusal in kept
        ],
        batch_size=5_000,
    )


def _ended(run: Import, state: ImportState, error: str = "") -> None:
    Import.objects.filter(pk=run.pk, state__in=_UNDER_WAY).update(
        state=state, error=error.replace("\0", ""), finished_at=Now(), heartbeat_at=Now()
    )
