"""What a kind of import is to the one who runs it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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


class StagingWriter(ABC):
    """Sets rows aside as they are read, and puts all of them in their place at once in the end.

    Nobody sees them before, so a dry run sets them aside too, and knows the file as a whole.
    """

    @abstractmethod
    def prepare(self, chunk: Chunk) -> Any:
        """As ``Writer`` has it."""

    @abstractmethod
    def write(self, prepared: Any) -> Written:
        """Set aside what was prepared, in the transaction that is open."""

    @abstractmethod
    def finish(self, *, dry_run: bool) -> Mapping[str, int]:
        """Put what was set aside in its place, in the transaction that is open.

        Args:
            dry_run: only tell what that would come to.

        Returns:
            What it came to, for the import's ``figures``.

        Raises:
            ImportFileError: it can't be done; nothing was changed.
        """
