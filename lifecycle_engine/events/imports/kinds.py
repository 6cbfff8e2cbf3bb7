"""Who writes the rows of which kind of file."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from lifecycle_engine.events.imports.event_items import ItemReader
from lifecycle_engine.events.imports.events import EventWriter
from lifecycle_engine.events.imports.row_writers import (
    ConsentWriter,
    CustomerWriter,
    ProductWriter,
)
from lifecycle_engine.events.imports.writers import Writer
from lifecycle_engine.events.models import ImportKind
from lifecycle_engine.events.retention import log_floor


def writer_for(
    *,
    kind: str,
    source: str,
    mapping: Mapping[str, str],
    digest: str,
    at: datetime,
    rng: np.random.Generator,
) -> Writer:
    """The writer of the rows of one file.

    Args:
        kind: what they are.
        source: where they come from.
        mapping: the field of each column.
        digest: the file's SHA-256.
        at: when they count as received.
        rng: draws ids.
    """
    match ImportKind(kind):
        case ImportKind.CUSTOMERS:
            return CustomerWriter(mapping=mapping)
        case ImportKind.PRODUCTS:
            return ProductWriter(mapping=mapping)
        case ImportKind.CONSENTS:
            return ConsentWriter(mapping=mapping, source=source, at=at)
        case ImportKind.EVENTS:
            floor = log_floor(at=at)
            reader = ItemReader(mapping=mapping, digest=digest, received_at=at, floor=floor)
            return EventWriter(source=source, reader=reader, rng=rng)
