"""Who writes the rows of which kind of file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from lifecycle_engine.events.imports.event_items import ItemReader
from lifecycle_engine.events.imports.events import EventWriter
from lifecycle_engine.events.imports.row_writers import (
    ConsentWriter,
    CustomerWriter,
    ProductWriter,
)
from lifecycle_engine.events.imports.writers import StagingWriter, Writer
from lifecycle_engine.events.models import Import, ImportKind
from lifecycle_engine.events.retention import log_floor


@dataclass(frozen=True)
class Goal:
    """What a file is for, in words, and the page of what it is for."""

    words: str
    url: str


@dataclass(frozen=True)
class ListImports:
    """What the app that has the lists says of files for them.

    Attributes:
        writer: the writer of a file's rows, by the field of each column.
        goal: what a file is for.
        permission: what staff need besides that of adding imports.
    """

    writer: Callable[[Import, Mapping[str, str]], StagingWriter]
    goal: Callable[[Import], Goal]
    permission: str


_lists: dict[ImportKind, ListImports] = {}


def list_imports_register(lists: ListImports) -> None:
    """Say how files for lists are imported; called once, when the app is loaded."""
    _lists[ImportKind.MEMBERS] = lists


def import_goal(*, run: Import) -> Goal | None:
    """What the file is for; None where its kind says it."""
    return _lists[ImportKind.MEMBERS].goal(run) if run.kind == ImportKind.MEMBERS else None


def import_permissions(*, kind: str) -> tuple[str, ...]:
    """What staff need to start and stop imports of the kind."""
    own = (_lists[ImportKind.MEMBERS].permission,) if kind == ImportKind.MEMBERS else ()
    return ("events.add_import", *own)


def writer_for(
    *,
    run: Import,
    mapping: Mapping[str, str],
    at: datetime,
    rng: np.random.Generator,
) -> Writer:
    """The writer of the rows of one file.

    Args:
        run: its import.
        mapping: the field of each column.
        at: when they count as received.
        rng: draws ids.
    """
    source = run.source
    match ImportKind(run.kind):
        case ImportKind.MEMBERS:
            return _lists[ImportKind.MEMBERS].writer(run, mapping)
        case ImportKind.CUSTOMERS:
            return CustomerWriter(mapping=mapping, source=source, at=at)
        case ImportKind.PRODUCTS:
            return ProductWriter(mapping=mapping)
        case ImportKind.CONSENTS:
            return ConsentWriter(mapping=mapping, source=source, at=at)
        case ImportKind.EVENTS:
            floor = log_floor(at=at)
            reader = ItemReader(mapping=mapping, digest=run.digest, received_at=at, floor=floor)
            return EventWriter(source=source, reader=reader, rng=rng)
