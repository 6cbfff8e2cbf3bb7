"""What a kind of import is to the one who runs it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lifecycle_engine.events.imports.chunks import Chunk, Refusal


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a chunk's rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: Sequence[Refusal] = field(default=())


class Writer(Protocol):
    """Writes the rows of one file."""

    def prepare(self, chunk: Chunk) -> Any:
        """Check the rows, as far as that takes no database: this is called in another thread."""

    def write(self, prepared: Any) -> Written:
        """Write what was prepared, in the transaction that is open."""
