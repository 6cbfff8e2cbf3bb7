"""Files as bytes: opened where they are, inflated with a limit, read line by line."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from django.core.files.storage import default_storage

from lifecycle_engine.events.imports.limits import (
    INFLATED_LIMIT,
    INFLATION_FREE,
    INFLATION_LIMIT,
    RECORD_LIMIT,
    ImportFileError,
)

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_ONCE = 1 << 20


class RecordTooLongError(Exception):
    """A line or record has more bytes than the limit; the file stands behind it."""


class Lines:
    """The lines of a file, inflated where it is compressed; tells where it stands."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        beginning = file.read(4)
        file.seek(0)
        if beginning == _ZIP:
            raise ImportFileError("is a ZIP archive: take the file out of it")
        self._compressed = beginning[:2] == _GZIP
        self._lines = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if self._compressed else file
        self.offset = 0
        #: Bytes since ``begin_record``.
        self._taken = 0
        self._skip(_mark(self._lines))

    def seek(self, offset: int) -> None:
        """Go on to a place where a record begins."""
        self._lines.seek(offset)
        self.offset = offset
        self._check()

    def begin_record(self) -> None:
        """Say that the next line begins a record, which has a limit of its own."""
        self._taken = 0

    def line(self) -> bytes:
        """The next line with its end; nothing at the end of the file.

        Raises:
            RecordTooLongError: the record that it belongs to is too long.
            ImportFileError: the file is damaged, or grows without measure when it is inflated.
        """
        line = self._read(RECORD_LIMIT - self._taken + 1)
        self._taken += len(line)
        if self._taken <= RECORD_LIMIT:
            return line
        while line and not line.endswith(b"\n"):
            line = self._read(_ONCE)
        raise RecordTooLongError

    def _read(self, limit: int) -> bytes:
        try:
            line = self._lines.readline(limit)
        except (OSError, EOFError, zlib.error) as error:
            raise ImportFileError(f"is damaged after {self.offset} bytes: {error}") from None
        self.offset += len(line)
        self._check()
        return line

    def _check(self) -> None:
        if not self._compressed or self.offset <= INFLATION_FREE:
            return
        if self.offset > min(INFLATED_LIMIT, INFLATION_LIMIT * self._file.tell()):
            raise ImportFileError(
                f"comes to more than {self.offset} bytes when it is inflated: "
                f"the limit is {INFLATION_LIMIT} times its size and {INFLATED_LIMIT} in all"
            )

    def _skip(self, count: int) -> None:
        self._lines.seek(count)
        self.offset = count


@contextmanager
def file_opened(*, stored: str, path: Path | None) -> Iterator[BinaryIO]:
    """The file: a local one where there is a path, else one from storage.

    Raises:
        ImportFileError: it is not there.
    """
    try:
        file = path.open("rb") if path else default_storage.open(stored, "rb")
    except OSError as error:
        raise ImportFileError(f"can't be read: {error.strerror or error}") from None
    with file:
        yield cast("BinaryIO", file)


def digest_of(pieces: Iterable[bytes]) -> str:
    """The SHA-256 of what comes in pieces, in hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The rest of a file in pieces of a mebibyte."""
    while piece := file.read(_ONCE):
        yield piece


def _mark(file: BinaryIO) -> int:
    """How many bytes a byte order mark takes at the beginning."""
    try:
        beginning = file.read(3)
    except (OSError, EOFError, zlib.error) as error:
        raise ImportFileError(f"is damaged at its beginning: {error}") from None
    return 3 if beginning == b"\xef\xbb\xbf" else 0


def size_of(file: BinaryIO) -> int:
    """How many bytes a file has; it stands at its beginning afterwards."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size
