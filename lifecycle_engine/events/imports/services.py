"""Starting, stopping and clearing away imports."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.functions import Now

from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.events.imports.files import digest_of, file_opened, pieces_of, size_of
from lifecycle_engine.events.imports.limits import UPLOAD_LIMIT, ImportFileError
from lifecycle_engine.events.imports.mapping import mapping_complete
from lifecycle_engine.events.imports.running import import_run
from lifecycle_engine.events.imports.tables import table_open
from lifecycle_engine.events.models import (
    Import,
    ImportKind,
    ImportRejection,
    ImportState,
    ListMode,
)
from lifecycle_engine.events.recording import ENGINE_SOURCE
from lifecycle_engine.events.services import SourceError

#: How long files and rejected rows are kept after an import has ended.
KEPT = timedelta(days=14)

#: So long a file of events may come again: a day less than receipts of events are kept.
_TOLD_APART = timedelta(days=29)
_UNDER_WAY = (ImportState.QUEUED, ImportState.RUNNING)
_UNFINISHED = (*_UNDER_WAY, ImportState.STOPPED)
_TASK = "events.run_imports"


@dataclass(frozen=True)
class ForList:
    """Which list a file is for, by its segment's key, and what becomes of that list."""

    key: str
    mode: ListMode


class ImportStateError(Exception):
    """What is asked can't be done with the import as it is."""


def import_local(
    *,
    kind: str,
    source: str,
    path: Path,
    mapping: Mapping[str, str],
    dry_run: bool,
    by: str,
    complete: bool = False,
) -> Import:
    """The import of a local file; one that was broken off goes on.

    Args:
        kind: what the rows are.
        source: where they come from.
        path: the file.
        mapping: the field of each column that doesn't go by its name.
        dry_run: whether to keep nothing.
        by: who does it.
        complete: whether these are all products that there are.

    Raises:
        ImportFileError: the file can't be imported as it is.
        SourceError: the source is empty, too long, or the engine's own.
    """
    _source_check(source)
    with file_opened(stored="", path=path) as file:
        facts = _facts(kind, file, mapping)
    _complete_check(kind, complete)
    same = {"kind": kind, "source": source, "dry_run": dry_run, "complete": complete}
    with transaction.atomic():
        unfinished = Import.objects.filter(stored="", state__in=_UNFINISHED).filter(
            kind=kind, source=source, digest=facts["digest"], mapping=dict(mapping)
        )
        broken_off = (
            unfinished.filter(dry_run=dry_run, complete=complete)
            .select_for_update()
            .order_by("-pk")
            .first()
        )
        if broken_off is not None:
            broken_off.state, broken_off.attempts = ImportState.QUEUED, 0
            broken_off.save(update_fields=["state", "attempts"])
            return broken_off
        _again_check(kind, source, facts["digest"], dry_run)
        return Import.objects.create(
            name=path.name[:300], mapping=dict(mapping), created_by=by, **same, **facts
        )


def import_upload(
    *,
    kind: str,
    source: str,
    file: "File[bytes]",
    mapping: Mapping[str, str] | None,
    dry_run: bool,
    by: str,
    complete: bool = False,
    for_list: ForList | None = None,
) -> Import:
    """Keep an uploaded file and import it in the background.

    Args:
        kind: what the rows are.
        source: where they come from.
        file: the file; it is kept under a name of ours, never its own.
        mapping: the field of each column; None where somebody is to choose first.
        dry_run: whether to keep nothing.
        by: who uploads it.
        complete: whether these are all products that there are.
        for_list: which list it is for, where it is for one.

    Raises:
        ImportFileError: the file can't be imported as it is.
        SourceError: the source is empty, too long, or the engine's own.
    """
    _source_check(source)
    _complete_check(kind, complete)
    if file.size > UPLOAD_LIMIT:
        raise ImportFileError(f"has {file.size} bytes, the limit is {UPLOAD_LIMIT}")
    opened = cast("BinaryIO", file)
    facts = _facts(kind, opened, mapping)
    _again_check(kind, source, facts["digest"], dry_run)
    opened.seek(0)
    stored = default_storage.save(f"imports/{uuid4().hex}", file)
    state = ImportState.DRAFT if mapping is None else ImportState.QUEUED
    with transaction.atomic():
        run = Import.objects.create(
            kind=kind,
            source=source,
            name=_name(file.name),
            stored=stored,
            mapping=dict(mapping or {}),
            dry_run=dry_run,
            complete=complete,
            target=for_list.key if for_list else "",
            mode=for_list.mode if for_list else "",
            state=state,
            created_by=by,
            **facts,
        )
        if state == ImportState.QUEUED:
            enqueue(_TASK)
    run.refresh_from_db()
    return run


@transaction.atomic
def import_start(
    *,
    import_id: int,
    mapping: Mapping[str, str],
    dry_run: bool,
    by: str,
    complete: bool = False,
) -> Import:
    """Import a file that was uploaded, with the fields that somebody chose for its columns.

    After a dry run, or any other end, it is another import of the same file.

    Raises:
        ImportFileError: the columns can't be filled like that.
        ImportStateError: it is under way, or its file is no longer there.
    """
    run = Import.objects.select_for_update().get(pk=import_id)
    if run.state in _UNDER_WAY:
        raise ImportStateError(f"{run.name} is under way.")
    if not run.stored or not default_storage.exists(run.stored):
        raise ImportStateError(f"The file of {run.name} is no longer there.")
    _complete_check(run.kind, complete)
    _again_check(run.kind, run.source, run.digest, dry_run)
    mapping_complete(ImportKind(run.kind), run.columns, mapping)
    if run.state != ImportState.DRAFT:
        copied = ("kind", "source", "name", "stored", "digest", "size", "columns", "target", "mode")
        run = Import(**{name: getattr(run, name) for name in copied})
    run.mapping, run.dry_run, run.created_by = dict(mapping), dry_run, by
    run.complete, run.state = complete, ImportState.QUEUED
    run.save()
    enqueue(_TASK)
    return run


def import_stop(*, import_id: int) -> None:
    """Stop an import behind the rows that are being written now.

    Raises:
        ImportStateError: it is not under way.
    """
    _move(import_id, _UNDER_WAY, ImportState.STOPPED)


@transaction.atomic
def import_go_on(*, import_id: int) -> None:
    """Let an import that was stopped, or that failed, go on where it is.

    Raises:
        ImportStateError: it is neither.
    """
    _move(import_id, (ImportState.STOPPED, ImportState.FAILED), ImportState.QUEUED)
    Import.objects.filter(pk=import_id).update(attempts=0, error="", finished_at=None)
    enqueue(_TASK)


def imports_advance(*, at: datetime, seconds: float) -> bool:
    """Give every import of an uploaded file that is under way a turn of so many seconds.

    Returns:
        Whether one of them has still more to do.
    """
    under_way = Import.objects.filter(state__in=_UNDER_WAY).exclude(stored="")
    more = False
    for import_id, rows in list(under_way.order_by("pk").values_list("pk", "rows")):
        run = import_run(import_id=import_id, at=at, seconds=seconds)
        # One that somebody else is at moves without us.
        more |= run.state == ImportState.RUNNING and run.rows > rows
    return more


def imports_sweep(*, at: datetime) -> int:
    """Remove the files and rejected rows of imports that have been kept long enough.

    Returns:
        How many files went.
    """
    ended = Import.objects.exclude(state__in=_UNFINISHED).filter(created_at__lt=at - KEPT)
    ImportRejection.objects.filter(imported__in=ended).delete()
    ended.filter(state=ImportState.DRAFT).update(state=ImportState.FAILED, error="was not started")
    kept = Import.objects.filter(created_at__gte=at - KEPT) | Import.objects.filter(
        state__in=_UNFINISHED
    )
    old = ended.exclude(stored="").exclude(stored__in=kept.exclude(stored="").values("stored"))
    names = set(old.values_list("stored", flat=True))
    for name in names:
        default_storage.delete(name)
    Import.objects.filter(stored__in=names).update(stored="")
    return len(names)


def imports_forget() -> int:
    """Remove the files of ended imports that name customers, since an erasure can't look into them.

    Returns:
        How many files went.
    """
    ended = Import.objects.exclude(state__in=(*_UNFINISHED, ImportState.DRAFT)).exclude(stored="")
    names = set(ended.exclude(kind=ImportKind.PRODUCTS).values_list("stored", flat=True))
    for name in names:
        default_storage.delete(name)
    Import.objects.filter(stored__in=names).update(stored="")
    return len(names)


def _move(import_id: int, states: tuple[ImportState, ...], state: ImportState) -> None:
    if not Import.objects.filter(pk=import_id, state__in=states).update(state=state):
        run = Import.objects.get(pk=import_id)
        raise ImportStateError(f"{run.name} is {run.get_state_display()}.")


def _facts(kind: str, file: BinaryIO, mapping: Mapping[str, str] | None) -> dict[str, Any]:
    table = table_open(file)
    if mapping is not None:
        mapping_complete(ImportKind(kind), table.columns, mapping)
    size = size_of(file)
    return {"columns": table.columns, "size": size, "digest": digest_of(pieces_of(file))}


def _again_check(kind: str, source: str, digest: str, dry_run: bool) -> None:
    """Events are told apart by their receipts, and those of an old import are gone."""
    if kind != ImportKind.EVENTS or dry_run:
        return
    same = Import.objects.filter(kind=kind, source=source, digest=digest, dry_run=False)
    before = same.filter(created__gt=0, created_at__lt=Now() - _TOLD_APART).first()
    if before is not None:
        raise ImportFileError(
            f"was imported on {before.created_at:%Y-%m-%d}, so long ago that its events can't be "
            "told from new ones"
        )


def _complete_check(kind: str, complete: bool) -> None:
    if complete and kind != ImportKind.PRODUCTS:
        raise ImportFileError(f"can't be all {kind}: only products can be complete")


def _name(name: str | None) -> str:
    """The file's own name for people to read, without what can't be stored."""
    return (name or "").replace("\0", "").encode(errors="replace").decode()[:300] or "file"


def _source_check(source: str) -> None:
    if not 0 < len(source) <= 100 or source == ENGINE_SOURCE:
        raise SourceError(f"source can't be {source!r}")
