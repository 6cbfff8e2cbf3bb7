"""Starting, stopping and clearing away imports."""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from django.db import transaction

from lifecycle_engine.events.imports.files import digest_of, file_opened, pieces_of, size_of
from lifecycle_engine.events.imports.mapping import mapping_complete
from lifecycle_engine.events.imports.tables import table_open
from lifecycle_engine.events.models import Import, ImportKind, ImportState
from lifecycle_engine.events.recording import ENGINE_SOURCE
from lifecycle_engine.events.services import SourceError

_UNFINISHED = (ImportState.QUEUED, ImportState.RUNNING, ImportState.STOPPED)


def import_local(
    *, kind: str, source: str, path: Path, mapping: Mapping[str, str], dry_run: bool, by: str
) -> Import:
    """The import of a local file; one that was broken off goes on.

    Raises:
        ImportFileError: the file can't be imported as it is.
        SourceError: the source is empty, too long, or the engine's own.
    """
    _source_checked(source)
    with file_opened(stored="", path=path) as file:
        columns = _checked(kind, file, mapping)
        size = size_of(file)
        digest = digest_of(pieces_of(file))
    with transaction.atomic():
        broken_off = (
            Import.objects.select_for_update()
            .filter(
                kind=kind, source=source, digest=digest, mapping=dict(mapping), dry_run=dry_run,
                stored="", state__in=_UNFINISHED,
            )
            .order_by("-pk")
            .first()
        )  # fmt: skip
        if broken_off is not None:
            broken_off.state, broken_off.attempts = ImportState.QUEUED, 0
            broken_off.save(update_fields=["state", "attempts"])
            return broken_off
        return Import.objects.create(
            kind=kind,
            source=source,
            name=path.name[:300],
            digest=digest,
            size=size,
            columns=columns,
            mapping=dict(mapping),
            dry_run=dry_run,
            created_by=by,
        )


def _checked(kind: str, file: BinaryIO, mapping: Mapping[str, str]) -> list[str]:
    table = table_open(file)
    mapping_complete(ImportKind(kind), table.columns, mapping)
    return table.columns


def _source_checked(source: str) -> None:
    if not 0 < len(source) <= 100 or source == ENGINE_SOURCE:
        raise SourceError(f"source can't be {source!r}")
