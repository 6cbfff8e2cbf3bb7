"""Networks that come along heed what their devices say of precision and compilation."""

import numpy as np
import pytest

from lifecycle_engine.sdk import dense
from lifecycle_engine.sdk.devices import Devices
from plugins.churn_predictor import recurrent
from plugins.lifecycle_multitask import mixture
from plugins.persona import autoencoder


def _dense(devices):
    head = dense.Head(3, "mse")
    return dense._model(devices, width=4, head=head, config=dense.DenseConfig())


def _mixture(devices):
    start = mixture._Start(np.zeros(2), np.ones(2))
    wanted = mixture.Wanted(amounts=(False, True), weights=None, seed=1, epochs=1)
    return mixture._model(devices, 4, start, wanted, mixture.MixtureConfig())


def _recurrent(devices):
    return recurrent._model(devices, tokens=5, config=recurrent.RecurrentConfig(last=3))


def _autoencoder(devices):
    return autoencoder._model(devices, width=4, config=autoencoder.AutoencoderConfig())


@pytest.mark.parametrize("made", [_dense, _mixture, _recurrent, _autoencoder])
def test_layers_are_of_16_bits_weights_and_outputs_of_32(made):
    import keras  # noqa: PLC0415 - not where tests are collected.

    devices = Devices(keras, precision="mixed_float16", compiled=True)
    with devices.scope():
        model = made(devices)

    assert "float16" in {layer.compute_dtype for layer in model.layers}
    assert [output.dtype for output in model.outputs] == ["float32"]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model.jit_compile is True
    # Else gradients of 16 bits vanish.
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
