"""An autoencoder: a network that says a customer's behaviour again through a few numbers.

Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313
(2006).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.dense import Dense
from lifecycle_engine.sdk.devices import Devices, devices_found
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Progress

Floats: TypeAlias = NDArray[np.float64]

#: Of the rows so many are not learned from: once they are said again no better, training ends.
_STOPPING_SHARE = 0.1
#: What the arrays of the way out begin with.
_BACK = "back_"
#: As in ``sdk.dense``: a loop in the graph costs less than one of Python's.
_STEPS_AT_ONCE = 16


class AutoencoderConfig(Config):
    """How the network is built and trained."""

    hidden: tuple[int, ...] = Field(default=(32,), min_length=1)
    bottleneck: int = Field(default=6, ge=2, le=32)
    epochs: int = Field(default=80, ge=1, le=500)
    patience: int = Field(default=6, ge=1)
    batch_size: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-5, ge=0)


class Autoencoded:
    """What is kept of a trained autoencoder: plain arrays, asked without Keras.

    Attributes:
        arrays: those of ``Dense`` for the way in, and those of the way out as ``back_…``.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = dict(arrays)

    def inputs(self, frame: pd.DataFrame) -> Floats:
        """The features as they are, standardised: (rows, features)."""
        return Dense(self.arrays).inputs(frame)

    @property
    def layers(self) -> list[tuple[Floats, Floats]]:
        """Weights and bias of each layer, in and out again, with ReLU between each and the next.

        The bottleneck has none: what goes in and what comes out of it are one product.
        """
        *into, (weights, bias) = Dense(self.arrays).layers
        count = sum(name.startswith(f"{_BACK}weights_") for name in self.arrays)
        (first, added), *out = [
            (self.arrays[f"{_BACK}weights_{n}"], self.arrays[f"{_BACK}bias_{n}"])
            for n in range(count)
        ]
        weights, bias = weights.astype(np.float64), bias.astype(np.float64)
        return [*into, (weights @ first, bias @ first + added), *out]

    def said_again(self, frame: pd.DataFrame) -> Floats:
        """The features as the bottleneck says them: (rows, features).

        Two trainings may use the bottleneck's numbers in quite different ways. What they say of
        customers is in the units of the features, and can be compared.
        """
        signal, layers = self.inputs(frame), self.layers
        for number, (weights, bias) in enumerate(layers, start=1):
            signal = signal @ weights + bias
            if number < len(layers):
                signal = np.maximum(signal, 0.0)
        return signal


class Autoencoder:
    """One network that is trained again and again, each time from other first weights.

    What takes longest, making the network's functions, is so done once for all the resamples by
    which personas are judged.
    """

    def __init__(self, *, width: int, config: AutoencoderConfig) -> None:
        import keras
        import tensorflow

        self._config = config
        self._devices = devices_found(keras, tensorflow, name="persona")
        self._devices.begin(0)
        with self._devices.scope():
            self._model = _model(self._devices, width=width, config=config)
            self._model.optimizer.build(self._model.trainable_variables)
        self._optimizer = [value.numpy() for value in self._model.optimizer.variables]

    def fit(self, frame: pd.DataFrame, *, seed: int, progress: Progress) -> Autoencoded:
        """Train on rows of features; missing ones count as average, as in ``sdk.dense``.

        Args:
            frame: the features.
            seed: decides the first weights, the order of rows, and which of them end the training.
            progress: told of each epoch.
        """
        scaled = Dense.scaled(frame)
        inputs = scaled.inputs(frame).astype(np.float32)
        order = np.random.default_rng(seed).permutation(len(inputs))
        held = max(1, int(len(inputs) * _STOPPING_SHARE))
        stopping, learned = np.split(inputs[order], [held])

        def trained(batch_size: int) -> None:
            self._train(learned, stopping, batch_size=batch_size, seed=seed, progress=progress)

        self._devices.in_memory(trained, rows=self._config.batch_size)
        arrays: dict[str, NDArray[Any]] = dict(scaled.arrays)
        half = len(self._config.hidden) + 1
        for way, layers in (("", self._model.layers[:half]), (_BACK, self._model.layers[half:])):
            for number, layer in enumerate(layers):
                weights, bias = layer.get_weights()
                arrays[f"{way}weights_{number}"], arrays[f"{way}bias_{number}"] = weights, bias
        return Autoencoded(arrays)

    def _train(
        self,
        learned: NDArray[np.float32],
        stopping: NDArray[np.float32],
        *,
        batch_size: int,
        seed: int,
        progress: Progress,
    ) -> None:
        devices, config = self._devices, self._config
        self._begin(seed)

        stop = devices.keras.callbacks.EarlyStopping(
            patience=config.patience, restore_best_weights=True
        )
        self._model.fit(
            learned,
            learned,
            validation_data=(stopping, stopping),
            batch_size=batch_size,
            epochs=config.epochs,
            verbose=0,
            callbacks=[stop, *devices.telling(progress, config.epochs)],
        )

    def _begin(self, seed: int) -> None:
        """First weights after Glorot and Bengio (2010), and an optimizer that remembers nothing."""
        self._devices.keras.utils.set_random_seed(seed)
        rng = np.random.default_rng(seed)
        for layer in self._model.layers:
            shape = layer.kernel.shape
            limit = (6.0 / (shape[0] + shape[1])) ** 0.5
            layer.set_weights([rng.uniform(-limit, limit, shape), np.zeros(shape[1])])
        for variable, value in zip(self._model.optimizer.variables, self._optimizer, strict=True):
            variable.assign(value)


def _model(devices: Devices, *, width: int, config: AutoencoderConfig) -> Any:
    """In through the hidden layers to the bottleneck, which has no link, and out the same way."""
    keras = devices.keras
    decay = keras.regularizers.L2(config.weight_decay)

    def dense(units: int, activation: str | None, **more: Any) -> Any:
        return keras.layers.Dense(units, activation=activation, kernel_regularizer=decay, **more)

    layers = [keras.layers.Input((width,))]
    layers += [dense(units, "relu") for units in config.hidden]
    layers.append(dense(config.bottleneck, None))
    layers += [dense(units, "relu") for units in reversed(config.hidden)]
    layers.append(dense(width, None, dtype="float32"))
    model = keras.Sequential(layers)
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss="mse",
        **devices.compiling(steps=_STEPS_AT_ONCE),
    )
    return model
