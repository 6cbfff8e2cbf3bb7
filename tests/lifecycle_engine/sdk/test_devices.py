"""Devices: none is assumed, several share a training, and a full memory halves the batch."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from lifecycle_engine.sdk.devices import Devices, devices_found, devices_noted

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
two, mixed = devices_found(keras, tensorflow, name="test"), "mixed_float16"
policies = []
told = keras.callbacks.LambdaCallback(
    on_train_begin=lambda logs: policies.extend(l.compute_dtype for l in told.model.layers)
)
for devices in (Devices(keras), two, Devices(keras, precision=mixed, callbacks=[told])):
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
kept = sorted({str(layer.dtype) for pair in dense.layers for layer in pair})
print(json.dumps([policies, kept, keras.config.dtype_policy().name]))
"""


def test_two_devices_come_to_what_one_comes_to_and_16_bits_nearly(tmp_path):
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
    *trained, numbers = map(json.loads, done.stdout.splitlines()[-4:])
    (one, alone), (two, together), (_, mixed) = trained

    assert (one, two) == (1, 2)
    assert together == pytest.approx(alone, abs=1e-3)
    assert max(alone) - min(alone) > 0.1
    # Of 16 bits: some three digits, after twelve steps.
    assert mixed == pytest.approx(alone, abs=0.02)
    assert mixed != alone
    assert numbers == [["float16", "float16", "float32"], ["float32"], "float32"]
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


def found(*capabilities):
    """What ``devices_found`` makes of GPUs of such capabilities, or of the CPU.

    Of a GPU that is not NVIDIA's TensorFlow tells no details: None.
    """
    details = [
        {} if one is None else {"device_name": f"GPU {one[0]}", "compute_capability": one}
        for one in capabilities
    ]
    names = [SimpleNamespace(name=f"/device:{place}") for place in range(len(details) or 1)]
    tensorflow = SimpleNamespace(
        errors=SimpleNamespace(ResourceExhaustedError=FullError),
        distribute=SimpleNamespace(MirroredStrategy=lambda names: SimpleNamespace(scope=names)),
        config=SimpleNamespace(
            get_visible_devices=lambda kind: range(len(details)) if kind == "GPU" else [],
            list_logical_devices=lambda kind: names if bool(details) is (kind == "GPU") else [],
            experimental=SimpleNamespace(get_device_details=details.__getitem__),
        ),
    )
    return devices_found(None, tensorflow, name="test")


@pytest.mark.parametrize(
    ("capabilities", "kind", "precision", "compiled"),
    [
        ((), "CPU", "float32", False),
        (((6, 1),), "GPU 6", "float32", "auto"),
        (((7, 0),), "GPU 7", "mixed_float16", "auto"),
        (((8, 6),), "GPU 8", "mixed_float16", "auto"),
        (((12, 0), (7, 5)), "GPU 12, GPU 7", "mixed_float16", False),
        (((8, 6), (6, 1)), "GPU 6, GPU 8", "float32", False),
    ],
)
def test_the_devices_decide_of_precision_and_compilation(capabilities, kind, precision, compiled):
    devices = found(*capabilities)

    assert devices.count == max(1, len(capabilities))
    assert (devices.kind, devices.precision, devices.compiled) == (kind, precision, compiled)


def test_a_gpu_that_does_not_say_what_it_can_gets_32_bits():
    devices = found(None)

    assert (devices.kind, devices.precision) == ("GPU", "float32")


def test_the_settings_decide_where_they_are_set(settings):
    settings.GPU_PRECISION, settings.GPU_XLA = "mixed", "on"
    assert (found().precision, found().compiled) == ("mixed_float16", True)

    settings.GPU_PRECISION, settings.GPU_XLA = "float32", "off"
    assert (found((8, 6)).precision, found((8, 6)).compiled) == ("float32", False)


def test_what_is_spread_can_not_be_compiled_and_the_log_says_so(settings, caplog):
    settings.GPU_XLA = "on"

    assert found((8, 6), (8, 6)).compiled is False
    assert "GPU_XLA=on is not heeded" in caplog.text


def test_keras_is_told_of_compilation_and_steps():
    one, two = Devices(None, compiled=True), Devices(None, count=2)

    assert one.compiling(steps=32) == {"jit_compile": True, "steps_per_execution": 32}
    assert two.compiling(steps=32) == {"jit_compile": False, "steps_per_execution": 1}


class Policies:
    """Stands for ``keras.config``."""

    def __init__(self):
        self.policy = "before"

    def dtype_policy(self):
        return self.policy

    def set_dtype_policy(self, policy):
        self.policy = policy


def test_the_policy_holds_within_and_what_was_before_comes_back_after_errors_too():
    config = Policies()
    devices = Devices(SimpleNamespace(config=config), precision="mixed_float16")

    with devices.scope():
        assert config.policy == "mixed_float16"
    assert config.policy == "before"

    with pytest.raises(FullError), devices.scope():
        raise FullError
    assert config.policy == "before"


def test_one_device_alone_is_of_32_bits_and_not_in_what_spreads():
    entered = []

    @contextmanager
    def spread():
        entered.append("spread")
        yield

    config = Policies()
    devices = Devices(
        SimpleNamespace(config=config), count=2, precision="mixed_float16", spread=spread
    )

    with devices.single().scope():
        assert config.policy == "float32"
    assert entered == []
    with devices.scope():
        assert entered == ["spread"]


def test_what_networks_were_trained_on_is_noted_once_and_only_within():
    devices = Devices(SimpleNamespace(config=Policies()), kind="Tesla T4", compiled="auto")

    with devices_noted() as noted:
        for one in (devices, devices, devices.single()):
            with one.scope():
                pass
    with devices.scope():
        pass

    assert noted == [
        {"kind": "Tesla T4", "count": 1, "precision": "float32", "compiled": "auto"},
    ]
