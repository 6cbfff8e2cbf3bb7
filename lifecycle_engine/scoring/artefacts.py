"""Fitted models in storage: safe formats only, checked before any parser sees them.

An artefact is one uncompressed ZIP of ``params.json``, ``arrays.npz`` and one
``estimators/<name>.skops`` per scikit-learn estimator. Nothing in it is ever unpickled, and what is
loaded as what follows from its place, not from what it claims to be.
"""

import hashlib
import hmac
import io
import json
import re
import zipfile
from dataclasses import dataclass
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import skops.io
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from lifecycle_engine.core.encryption import keyed_hash
from lifecycle_engine.scoring.errors import ArtefactError
from lifecycle_engine.sdk.scorers import ModelState

#: Types that skops does not trust by itself and that hold nothing but numbers.
ALLOWED_TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)

#: No honest model of ours is larger.
MAX_BYTES = 1 << 30

#: Storage may add something where the name was taken.
_SIGNED = re.compile(r"([0-9a-f]{64})(?:_\w+)?\.zip\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_ESTIMATOR = re.compile(r"estimators/([a-z][a-z0-9_]{0,60})\.skops")
_SKOPS_MEMBER = re.compile(r"schema\.json|\d{1,20}\.npy")
_ARRAY_MEMBER = re.compile(r"([a-z][a-z0-9_]{0,60})\.npy")
#: What skops raises of a schema that is none: it takes for granted that its own hand wrote it.
_BROKEN = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class Artefact:
    """Where a model is stored, and the SHA-256 of exactly those bytes."""

    path: str
    sha256: str


def artefact_save(*, folder: str, state: ModelState) -> Artefact:
    """Store a fitted model under the signature of its content.

    Raises:
        ArtefactError: the state holds what no safe format can hold; nothing is stored.
    """
    content = _pack(state)
    digest = hashlib.sha256(content).hexdigest()
    path = default_storage.save(f"{folder}/{_signature(digest)}.zip", ContentFile(content))
    return Artefact(path=path, sha256=digest)


def artefact_load(*, path: str, sha256: str) -> ModelState:
    """Read a fitted model back.

    Raises:
        ArtefactError: the file is missing or too large, is not the one that was stored by an
            engine with our key, or holds anything besides what ``artefact_save`` writes.
    """
    named = _SIGNED.search(path)
    if named is None or not hmac.compare_digest(named[1], _signature(sha256)):
        raise ArtefactError(f"Artefact {path!r} was not signed with HASH_KEY for {sha256}")
    content = _read(path)
    if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), sha256):
        raise ArtefactError(f"Artefact {path!r} does not have the recorded SHA-256 {sha256}")
    return _unpack(content, path)


def _signature(sha256: str) -> str:
    """What only we could have said of a content with this digest.

    The digest alone stands in the database, where whoever may write there could change it together
    with the file.
    """
    return keyed_hash("model artefact", sha256)


def _read(path: str) -> bytes:
    try:
        with default_storage.open(path, "rb") as file:
            content: bytes = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ArtefactError(f"Artefact {path!r} is missing") from None
    if len(content) > MAX_BYTES:
        raise ArtefactError(f"Artefact {path!r} is larger than {MAX_BYTES} bytes")
    return content


def _pack(state: ModelState) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        try:
            archive.writestr("params.json", json.dumps(state.params, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ArtefactError(f"Model params are not JSON: {error}") from None
        archive.writestr("arrays.npz", _pack_arrays(state))
        for name, estimator in state.estimators.items():
            archive.writestr(f"estimators/{_named(name)}.skops", _pack_estimator(name, estimator))
    return buffer.getvalue()


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ArtefactError(f"Model part {name!r} is not named like 'hidden_1'")
    return name


def _pack_arrays(state: ModelState) -> bytes:
    for name, array in state.arrays.items():
        if _named(name) and array.dtype.hasobject:
            raise ArtefactError(f"Model array {name!r} holds Python objects, not numbers")
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(state.arrays))
    return buffer.getvalue()


def _pack_estimator(name: str, estimator: object) -> bytes:
    content: bytes = skops.io.dumps(estimator)
    # Refused now rather than on the day it is to be loaded.
    _check_types(f"estimator {name!r}", content)
    return content


def _unpack(content: bytes, path: str) -> ModelState:
    with _archive(content, path) as archive:
        names = {info.filename for info in archive.infolist()}
        estimators = {name: match[1] for name in names if (match := _ESTIMATOR.fullmatch(name))}
        strays = names - {"params.json", "arrays.npz"} - set(estimators)
        if strays or not {"params.json", "arrays.npz"} <= names:
            raise ArtefactError(f"Artefact {path!r} is not a model; it holds {sorted(names)}")
        return ModelState(
            params=_unpack_params(_member(archive, "params.json", path), path),
            arrays=_unpack_arrays(_member(archive, "arrays.npz", path), path),
            estimators={
                part: _unpack_estimator(_member(archive, name, path), f"{path}:{name}")
                for name, part in sorted(estimators.items())
            },
        )


def _archive(content: bytes, path: str) -> zipfile.ZipFile:
    """The ZIP in ``content``: uncompressed (so no bomb), every name once."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        raise ArtefactError(f"Artefact {path!r} is not a ZIP file") from None
    members = archive.infolist()
    if any(info.compress_type != zipfile.ZIP_STORED for info in members):
        raise ArtefactError(f"Artefact {path!r} has compressed members")
    if len({info.filename for info in members}) != len(members):
        raise ArtefactError(f"Artefact {path!r} has two members of one name")
    return archive


def _member(archive: zipfile.ZipFile, name: str, path: str) -> bytes:
    """The bytes of a member, if they are as long and as intact as the archive says."""
    try:
        return archive.read(name)
    # What zipfile raises for a wrong checksum, encryption, and a length beyond the end.
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise ArtefactError(f"Artefact {path!r}: member {name!r} is broken: {error}") from None


def _unpack_params(content: bytes, path: str) -> dict[str, Any]:
    try:
        found = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"Artefact {path!r}: params.json is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ArtefactError(f"Artefact {path!r}: params.json is no mapping")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not in JSON")


def _unpack_arrays(content: bytes, path: str) -> dict[str, NDArray[Any]]:
    arrays = {}
    with _archive(content, f"{path}:arrays.npz") as archive:
        for info in archive.infolist():
            match = _ARRAY_MEMBER.fullmatch(info.filename)
            if match is None:
                raise ArtefactError(f"Artefact {path!r} has a stray array {info.filename!r}")
            with archive.open(info) as file:
                _check_array(file, info.file_size, f"{path}:{info.filename}")
            with archive.open(info) as file:
                arrays[match[1]] = npy_format.read_array(file, allow_pickle=False)
    return arrays


def _check_array(file: IO[bytes], size: int, path: str) -> None:
    """Refuse objects, and a header that promises more numbers than the file has."""
    try:
        version = npy_format.read_magic(file)
        read = {
            (1, 0): npy_format.read_array_header_1_0,
            (2, 0): npy_format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read(file)
    except (ValueError, KeyError, SyntaxError, TokenError) as error:
        raise ArtefactError(f"Artefact {path!r} is not an array: {error}") from None
    count = 1
    for length in shape:  # Not numpy's product, which would overflow without a word.
        count *= length
    # The header is Python's own syntax: True is a whole number there, and -1 is one, too.
    whole = all(type(length) is int and length >= 0 for length in shape)
    held = size - file.tell()
    if dtype.hasobject or not (whole and dtype.itemsize) or count * dtype.itemsize != held:
        raise ArtefactError(f"Artefact {path!r} is no array of {shape} {dtype}")


def _unpack_estimator(content: bytes, path: str) -> object:
    with _archive(content, path) as archive:
        for info in archive.infolist():
            if not _SKOPS_MEMBER.fullmatch(info.filename):
                raise ArtefactError(f"Artefact {path!r} has a stray member {info.filename!r}")
            if info.filename.endswith(".npy"):
                with archive.open(info) as file:
                    _check_array(file, info.file_size, f"{path}:{info.filename}")
    _check_types(path, content)
    try:
        return skops.io.loads(content, trusted=list(ALLOWED_TYPES))
    except _BROKEN as error:
        raise ArtefactError(f"Artefact {path!r} is no estimator: {error!r}") from None


def _check_types(subject: str, content: bytes) -> None:
    try:
        foreign = set(skops.io.get_untrusted_types(data=content)) - set(ALLOWED_TYPES)
    except _BROKEN as error:
        raise ArtefactError(f"Model {subject} has no schema that skops reads: {error!r}") from None
    if foreign:
        raise ArtefactError(f"Model {subject} holds types that are not allowed: {sorted(foreign)}")
