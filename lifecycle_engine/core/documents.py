"""JSON documents that PostgreSQL can store."""

from collections.abc import Mapping
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


class DocumentError(ValueError):
    """A document can't be stored; ``path`` says where, and is empty for the whole of it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path} {message}".strip())
        self.path = path
        self.message = message


def document_encode(document: Any) -> bytes:
    """The document as JSON in UTF-8.

    Raises:
        DocumentError: it is not JSON, or holds a NUL character, which a jsonb can't.
    """
    try:
        encoded = _encode(document)
    except UnicodeEncodeError as error:
        raise DocumentError("", f"is not JSON text: {error.reason}") from None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DocumentError("", f"is not JSON text: {error}") from None
    # A backslash that stands for itself may look the same, so look closer.
    if b"\\u0000" in encoded and (path := _nul_path(document, "")) is not None:
        raise DocumentError(path, "holds a NUL character")
    return encoded


def document_read(encoded: bytes) -> Any:
    """What a document says, once it is certain that a jsonb takes it as it is.

    Reading it is the check: it finds text that is not UTF-8, half characters, numbers beyond a
    double, and nesting without end. A regular expression over the bytes takes longer.

    Raises:
        DocumentError: it is not JSON, or holds a NUL character, which a jsonb can't.
    """
    try:
        document = msgspec.json.decode(encoded)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError("", f"is not JSON text: {error}") from None
    if b"\\u0000" in encoded and (path := _nul_path(document, "")) is not None:
        raise DocumentError(path, "holds a NUL character")
    return document


def _nul_path(value: object, path: str) -> str | None:
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, Mapping):
        return _nul_path_in_object(value, path)
    if isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            if (found := _nul_path(inner, f"{path}[{index}]")) is not None:
                return found
    return None


def _nul_path_in_object(value: Mapping[Any, Any], path: str) -> str | None:
    for key, inner in value.items():
        below = f"{path}.{key}".removeprefix(".").replace("\0", "\\0")
        found = below if "\0" in str(key) else _nul_path(inner, below)
        if found is not None:
            return found
    return None
