"""Models survive storage; nothing that was not stored by us is ever parsed."""

import base64
import hashlib
import io
import json
import marshal
import os
import pickle
import zipfile

import numpy as np
import pytest
import skops.io
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import override_settings
from numpy.lib import format as npy_format
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from lifecycle_engine.core.encryption import keyed_hash
from lifecycle_engine.scoring.artefacts import artefact_load, artefact_save
from lifecycle_engine.scoring.errors import ArtefactError
from lifecycle_engine.sdk.scorers import ModelState


@pytest.fixture(autouse=True)
def storage(tmp_path):
    backend = "django.core.files.storage.FileSystemStorage"
    with override_settings(
        STORAGES={"default": {"BACKEND": backend, "OPTIONS": {"location": tmp_path}}}
    ):
        yield tmp_path


@pytest.fixture
def state():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3))
    y = (x[:, 0] > 0).astype(int)
    return ModelState(
        estimators={
            "boosting": HistGradientBoostingClassifier(max_iter=5).fit(x, y),
            "line": LogisticRegression().fit(x, y),
        },
        arrays={"weights": rng.normal(size=(3, 2)), "nothing": np.empty((0, 4), np.float32)},
        params={"slope": 1.5, "layers": [3, 2]},
    )


def stored(content: bytes) -> tuple[str, str]:
    """Put bytes into storage with digest and signature that are right, as if we had saved them."""
    digest = hashlib.sha256(content).hexdigest()
    signed = keyed_hash("model artefact", digest)
    return default_storage.save(f"models/{signed}.zip", ContentFile(content)), digest


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def test_a_model_comes_back_as_it_was(state):
    artefact = artefact_save(folder="models/churn.risk", state=state)
    found = artefact_load(path=artefact.path, sha256=artefact.sha256)

    x = np.random.default_rng(2).normal(size=(50, 3))
    assert found.params == state.params
    assert {name: array.dtype for name, array in found.arrays.items()} == {
        "weights": np.float64,
        "nothing": np.float32,
    }
    np.testing.assert_array_equal(found.arrays["weights"], state.arrays["weights"])
    for name, estimator in state.estimators.items():
        np.testing.assert_array_equal(
            found.estimators[name].predict_proba(x), estimator.predict_proba(x)
        )


def test_one_changed_byte_is_refused(state, storage):
    artefact = artefact_save(folder="models", state=state)
    file = storage / artefact.path
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(ArtefactError, match="does not have the recorded SHA-256"):
        artefact_load(path=artefact.path, sha256=artefact.sha256)


def test_a_missing_file_is_named():
    path, digest = stored(b"anything")
    default_storage.delete(path)

    with pytest.raises(ArtefactError, match=rf"'{path}' is missing"):
        artefact_load(path=path, sha256=digest)


def test_who_changes_file_and_record_together_lacks_the_key(state, storage):
    ours = artefact_save(folder="models", state=state)
    theirs = zipped(GOOD)
    digest = hashlib.sha256(theirs).hexdigest()
    (storage / ours.path).write_bytes(theirs)
    (storage / "models" / f"{digest}.zip").write_bytes(theirs)

    for path in (ours.path, f"models/{digest}.zip", "models/x.zip"):
        with pytest.raises(ArtefactError, match=f"'{path}' was not signed with HASH_KEY"):
            artefact_load(path=path, sha256=digest)


def test_another_key_takes_no_model(state, settings):
    artefact = artefact_save(folder="models", state=state)
    settings.HASH_KEY = "another"

    with pytest.raises(ArtefactError, match="was not signed with HASH_KEY"):
        artefact_load(path=artefact.path, sha256=artefact.sha256)


def test_the_same_model_stored_twice_comes_back_from_both(state):
    first, second = (artefact_save(folder="models", state=state) for _ in range(2))

    assert first.path != second.path
    for artefact in (first, second):
        assert artefact_load(path=artefact.path, sha256=artefact.sha256).params == state.params


class Canary:
    """Leaves a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


GOOD = {"params.json": b"{}", "arrays.npz": zipped({})}


@pytest.mark.parametrize(
    ("_case", "content", "message"),
    [
        ("not_a_zip", b"PK nonsense", "not a ZIP"),
        ("stray", zipped(GOOD | {"extra.py": b"print(1)"}), "not a model"),
        ("traversal", zipped(GOOD | {"../params.json": b"{}"}), "not a model"),
        ("folder", zipped(GOOD | {"estimators/a/b.skops": b""}), "not a model"),
        ("part_missing", zipped({"params.json": b"{}"}), "not a model"),
        ("keras_file", zipped({"config.json": b"{}", "model.weights.h5": b""}), "not a model"),
        ("bomb", zipped(GOOD, zipfile.ZIP_DEFLATED), "compressed"),
        ("stray_array", zipped(GOOD | {"arrays.npz": zipped({"a.pkl": b""})}), "stray array"),
        (
            "stray_in_estimator",
            zipped(GOOD | {"estimators/a.skops": zipped({"schema.json": b"{}", "x.pkl": b""})}),
            "stray member",
        ),
        ("no_array", zipped(GOOD | {"arrays.npz": zipped({"a.npy": b"12"})}), "not an array"),
    ],
)
def test_what_is_not_ours_is_refused(_case, content, message):
    path, sha256 = stored(content)

    with pytest.raises(ArtefactError, match=message):
        artefact_load(path=path, sha256=sha256)


def test_a_pickle_is_refused_unopened(tmp_path):
    canary = tmp_path / "canary"
    poison = pickle.dumps(Canary(canary))
    objects = npy(np.array([Canary(canary)], dtype=object))
    for content in (
        poison,
        zipped(GOOD | {"arrays.npz": poison}),
        zipped(GOOD | {"arrays.npz": zipped({"a.npy": objects})}),
        zipped(GOOD | {"estimators/a.skops": poison}),
        zipped(GOOD | {"estimators/a.skops": zipped({"schema.json": b"{}", "1.npy": objects})}),
    ):
        path, sha256 = stored(content)
        with pytest.raises(ArtefactError):
            artefact_load(path=path, sha256=sha256)
    assert not canary.exists()


def keras_with_lambda(canary) -> bytes:
    """A ``.keras`` file whose network runs code when Keras rebuilds it."""
    code = base64.b64encode(
        marshal.dumps(compile(f"import os; os.mkdir({str(canary)!r})", "", "exec"))
    )
    layer = {
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"code": code.decode()}}},
    }
    config = {"class_name": "Sequential", "config": {"layers": [layer]}}
    return zipped(
        {
            "metadata.json": b'{"keras_version": "3.15.0"}',
            "config.json": json.dumps(config).encode(),
            "model.weights.h5": H5,
        }
    )


H5 = b"\x89HDF\r\n\x1a\n" + bytes(512)


def shape_bomb() -> bytes:
    """A small file whose header promises 8 PiB."""
    member = npy(np.zeros(1)).replace(b"(1,), }" + b" " * 16, b"(1125899906842624,), }  ")
    assert b"1125899906842624" in member
    return zipped(GOOD | {"arrays.npz": zipped({"a.npy": member})})


@pytest.mark.parametrize("recorded", ["the model's digest", "the file's own digest"])
def test_no_parser_sees_a_file_that_is_not_a_model(state, storage, monkeypatch, recorded):
    canary = storage / "canary"
    hostile = {
        "pickle": pickle.dumps(Canary(canary)),
        "keras with a Lambda layer": keras_with_lambda(canary),
        "h5": H5,
        "shape bomb": shape_bomb(),
    }
    artefact = artefact_save(folder="models", state=state)

    def seen(*_args, **_given):
        pytest.fail("a parser saw it")

    for module, name in (
        (skops.io, "loads"),
        (npy_format, "read_array"),
        (pickle, "loads"),
        (pickle, "load"),
        (marshal, "loads"),
    ):
        monkeypatch.setattr(module, name, seen)
    for content in hostile.values():
        (storage / artefact.path).write_bytes(content)
        own = hashlib.sha256(content).hexdigest()
        with pytest.raises(ArtefactError):
            artefact_load(
                path=artefact.path,
                sha256=own if recorded == "the file's own digest" else artefact.sha256,
            )
    assert not canary.exists()


def test_a_broken_member_is_refused(state):
    whole = zipped(GOOD)
    broken = whole.replace(b"params.json{}", b"params.json[]")  # The checksum is of the other.
    deep = zipped(GOOD | {"params.json": b"[" * 100_000 + b"]" * 100_000})
    for content, message in (
        (broken, "params.json' is broken"),
        (deep, "is not JSON"),
        (zipped(GOOD | {"params.json": b"{"}), "is not JSON"),
        (zipped(GOOD | {"params.json": b"[]"}), "is no mapping"),
        (zipped(GOOD | {"params.json": b'{"a": NaN}'}), "NaN is not in JSON"),
    ):
        path, sha256 = stored(content)
        with pytest.raises(ArtefactError, match=message):
            artefact_load(path=path, sha256=sha256)


def test_a_header_that_lies_is_refused():
    honest = npy(np.zeros((4, 1)))
    for header in (b"(4,99)", b"(9**99", b"(-4,1)", b"(0, 1)", b"(-4,-1)", b"(True, 4)"):
        member = honest.replace(b"(4, 1)", header)
        path, sha256 = stored(zipped(GOOD | {"arrays.npz": zipped({"a.npy": member})}))
        with pytest.raises(ArtefactError, match="array"):
            artefact_load(path=path, sha256=sha256)


def test_an_array_of_nothing_many_times_over_is_refused():
    member = npy(np.zeros(9, dtype="V1")).replace(b"'|V1'", b"'|V0'")[:-9]
    path, sha256 = stored(zipped(GOOD | {"arrays.npz": zipped({"a.npy": member})}))
    with pytest.raises(ArtefactError, match="is no array of"):
        artefact_load(path=path, sha256=sha256)


@pytest.mark.parametrize(
    "schema",
    [
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"__class__": "x", "__module__": "y", "__loader__": "NoSuchNode", "protocol": 2}',
        b'{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "protocol": 2}',
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        None,
    ],
)
def test_an_estimator_that_skops_did_not_write_is_refused(schema):
    members = {} if schema is None else {"schema.json": schema}
    path, sha256 = stored(zipped(GOOD | {"estimators/a.skops": zipped(members)}))
    with pytest.raises(ArtefactError):
        artefact_load(path=path, sha256=sha256)


@pytest.mark.parametrize(
    ("_case", "state", "message"),
    [
        ("object_array", ModelState(arrays={"a": np.array([object()])}), "Python objects"),
        ("bad_name", ModelState(arrays={"../a": np.zeros(1)}), "not named like"),
        ("not_json", ModelState(params={"a": object()}), "not JSON"),
        ("not_a_number", ModelState(params={"a": float("nan")}), "not JSON"),
        (
            "foreign_type",
            ModelState(estimators={"a": FunctionTransformer(func=os.mkdir)}),
            "not allowed",
        ),
    ],
)
def test_what_no_safe_format_holds_is_not_stored(_case, state, message, storage):
    with pytest.raises(ArtefactError, match=message):
        artefact_save(folder="models", state=state)
    assert list(storage.iterdir()) == []
