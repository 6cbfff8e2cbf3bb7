"""Devices: none is assumed, several share a training, and a full memory halves the batch."""

import json
import os
import subprocess
import sys

import pytest

from lifecycle_engine.sdk.devices import Devices

# TensorFlow fixes its devices at its first use, and no test's process may load it for the others.
_TRAINING = """
import json
import keras, numpy as np, pandas as pd, tensorflow
from lifecycle_engine.sdk.dense import Dense, DenseConfig, Head
from lifecycle_engine.sdk.devices import Devices, devices_found

cpu = tensorflow.config.list_physical_devices("CPU")[0]
parts = [tensorflow.config.LogicalDeviceConfiguration()] * 2
tensorflow.config.set_logical_device_configuration(cpu, parts)
rng = np.random.default_rng(1)
frame = pd.DataFrame(rng.standard_normal((600, 3)), columns=["a", "b", "c"])
target = (frame["a"] > frame["b"]).to_numpy(np.float32)[:, None]
for devices in (Devices(keras), devices_found(keras, tensorflow, name="test")):
    dense = Dense.fit(
        devices,
        frame,
        target,
        head=Head(1, keras.losses.BinaryCrossentropy(from_logits=True)),
        config=DenseConfig(hidden=(8,), epochs=2, batch_size=100, dropout=0.0),
        seed=3,
        progress=lambda done, total: None,
    )
    print(json.dumps([devices.count, dense.outputs(frame)[:50, 0].tolist()]))
"""


def test_two_devices_come_to_what_one_comes_to(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _TRAINING],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
            "VAR": str(tmp_path),
            "TENSORBOARD_DIR": str(tmp_path / "boards"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    (one, alone), (two, together) = map(json.loads, done.stdout.splitlines()[-2:])

    assert (one, two) == (1, 2)
    assert together == pytest.approx(alone, abs=1e-3)
    assert max(alone) - min(alone) > 0.1
    # Of the training that was given a name.
    (board,) = (tmp_path / "boards" / "test").glob("*/train/events.out.tfevents.*")
    assert board.stat().st_size > 0


class FullError(Exception):
    """Stands for TensorFlow's ResourceExhaustedError."""


def test_a_batch_is_halved_until_it_fits():
    tried = []

    def work(rows):
        tried.append(rows)
        if rows > 100:
            raise FullError
        return f"done by {rows}"

    assert Devices(None, exhausted=FullError).in_memory(work, rows=256) == "done by 64"
    assert tried == [256, 128, 64]


def test_what_fits_in_no_batch_is_said():
    tried = []

    def work(rows):
        tried.append(rows)
        raise FullError

    with pytest.raises(FullError):
        Devices(None, exhausted=FullError).in_memory(work, rows=64)
    assert tried == [64, 32, 16]


def test_another_error_is_not_taken_for_a_full_memory():
    def work(rows):
        raise ValueError(rows)

    with pytest.raises(ValueError, match="64"):
        Devices(None, exhausted=FullError).in_memory(work, rows=64)
