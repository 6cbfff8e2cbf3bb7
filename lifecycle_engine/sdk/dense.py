"""Dense networks over rows of features: trained with Keras, kept and asked as plain arrays.

Who trains one hands Keras in (``sdk.devices``), since the SDK itself loads no model library; to
predict takes a few matrix products, for which nobody should have to load TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.devices import Devices
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Progress

Floats: TypeAlias = NDArray[np.float64]

#: Standardised features are cut off here: one absurd order must not decide everything.
_LIMIT = 4.0
#: Logarithms of features don't differ by less, but for their rounding.
_ROUNDING = 1e-9
#: Steps take a millisecond: loop over them in the graph, since Python's own loop costs more.
_STEPS_AT_ONCE = 32


class DenseConfig(Config):
    """How a network is built and trained."""

    hidden: tuple[int, ...] = Field(default=(32, 16), min_length=1)
    epochs: int = Field(default=8, ge=1, le=200)
    batch_size: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)


@dataclass(frozen=True)
class Head:
    """What a network ends in.

    Attributes:
        outputs: how many numbers it gives of each row.
        loss: one of Keras's, or a function of targets and outputs.
    """

    outputs: int
    loss: Any


class Dense:
    """A dense network with ReLU between its layers; its outputs come before any link.

    Attributes:
        arrays: mean and spread of the features after ±log(1 + |x|), and each layer's weights
            (inputs, outputs) and bias (outputs); may hold more.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = dict(arrays)

    @classmethod
    def scaled(cls, frame: pd.DataFrame) -> Self:
        """A network that has no layers yet: it knows the scale of the rows, so has ``inputs``."""
        return cls(_scale(_logged(frame)))

    @classmethod
    def fit(
        cls,
        devices: Devices,
        frame: pd.DataFrame,
        targets: NDArray[np.float32],
        *,
        head: Head,
        config: DenseConfig,
        seed: int,
        progress: Progress,
        weights: Floats | None = None,
    ) -> Self:
        """Train on rows of features; missing ones count as average.

        Args:
            devices: Keras, and over what each batch is spread.
            frame: the features.
            targets: what the loss gets of each row, (rows, anything).
            head: the outputs and the loss.
            config: the layers and how long.
            seed: decides the first weights and the order of rows.
            progress: told of each epoch.
            weights: how much each row counts; by default alike.
        """
        scaled = cls.scaled(frame)
        inputs = scaled.inputs(frame).astype(np.float32)

        def trained(batch_size: int) -> Any:
            devices.begin(seed)
            with devices.scope():
                model = _model(devices, width=frame.shape[1], head=head, config=config)
                model.fit(
                    inputs,
                    targets,
                    sample_weight=weights,
                    batch_size=batch_size,
                    epochs=config.epochs,
                    verbose=0,
                    callbacks=devices.telling(progress, config.epochs),
                )
            return model

        model = devices.in_memory(trained, rows=config.batch_size)
        dense = devices.keras.layers.Dense
        layers = [layer for layer in model.layers if isinstance(layer, dense)]
        arrays = scaled.arrays
        for number, layer in enumerate(layers):
            arrays[f"weights_{number}"], arrays[f"bias_{number}"] = layer.get_weights()
        return cls(arrays)

    @property
    def layers(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Weights and bias of each layer, the first first."""
        count = sum(name.startswith("weights_") for name in self.arrays)
        return [(self.arrays[f"weights_{n}"], self.arrays[f"bias_{n}"]) for n in range(count)]

    def inputs(self, frame: pd.DataFrame) -> Floats:
        """What the first layer gets: standardised, so that 0 is an average customer."""
        centred = (_logged(frame) - self.arrays["mean"]) / self.arrays["spread"]
        # In the precision in which it was trained.
        single = np.nan_to_num(np.clip(centred, -_LIMIT, _LIMIT), nan=0.0).astype(np.float32)
        found: Floats = single.astype(np.float64)
        return found

    def outputs(self, frame: pd.DataFrame) -> Floats:
        """What the last layer gives: (rows, outputs)."""
        signal, layers = self.inputs(frame), self.layers
        for number, (weights, bias) in enumerate(layers, start=1):
            signal = signal @ weights + bias
            if number < len(layers):
                signal = np.maximum(signal, 0.0)
        return signal


def sigmoid(log_odds: Floats) -> Floats:
    """The probability of log-odds, without overflow."""
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -30, 30)))
    return found


def _logged(frame: pd.DataFrame) -> Floats:
    values = frame.to_numpy(np.float64)
    found: Floats = np.sign(values) * np.log1p(np.abs(values))
    return found


def _scale(values: Floats) -> dict[str, Floats]:
    counted = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    mean = np.nansum(values, axis=0) / counted
    spread = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / counted)
    # The mean of equal numbers is off by its rounding, which must not count as a spread.
    return {"mean": mean, "spread": np.where(spread > _ROUNDING, spread, 1.0)}


def _model(devices: Devices, *, width: int, head: Head, config: DenseConfig) -> Any:
    keras = devices.keras
    layers = [keras.layers.Input((width,))]
    for units in config.hidden:
        decay = keras.regularizers.L2(config.weight_decay)
        layers.append(keras.layers.Dense(units, activation="relu", kernel_regularizer=decay))
        layers.append(keras.layers.Dropout(config.dropout))
    layers.append(keras.layers.Dense(head.outputs, dtype="float32"))
    model = keras.Sequential(layers)
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss=head.loss,
        **devices.compiling(steps=_STEPS_AT_ONCE),
    )
    return model
