"""A small dense network: trained with Keras, kept as plain arrays."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.explaining import Contributions, network_contributions
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Progress

#: Standardised features are cut off here: one absurd order must not decide everything.
_LIMIT = 4.0


class NetworkConfig(Config):
    """How the network is built and trained."""

    hidden: tuple[int, ...] = Field(default=(32, 16), min_length=1)
    epochs: int = Field(default=8, ge=1, le=200)
    batch_size: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)


class Network:
    """A dense network with ReLU layers and one sigmoid output.

    It keeps its weights as NumPy arrays and predicts with them: a few matrix products, for which
    nobody should have to load TensorFlow.

    Attributes:
        arrays: mean and spread of the features after ±log(1 + |x|), and each layer's weights
            (inputs, outputs) and bias (outputs).
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = dict(arrays)

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        config: NetworkConfig,
        seed: int,
        progress: Progress,
        weights: NDArray[np.float64] | None = None,
    ) -> Self:
        """Train on rows of features; missing ones count as average."""
        import keras

        values = _logged(frame)
        counted = np.maximum((~np.isnan(values)).sum(axis=0), 1)
        mean = np.nansum(values, axis=0) / counted
        spread = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / counted)
        scale = {"mean": mean, "spread": np.where(spread > 0, spread, 1.0)}
        keras.utils.set_random_seed(seed)
        # A session of its own: training twice in one process must not grow its memory.
        keras.backend.clear_session()
        model = _keras_model(keras, width=values.shape[1], config=config)
        model.fit(
            _standardised(values, scale),
            target.to_numpy(np.float32),
            sample_weight=weights,
            batch_size=config.batch_size,
            epochs=config.epochs,
            verbose=0,
            callbacks=[
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda epoch, logs=None: progress(epoch + 1, config.epochs)  # noqa: ARG005 - Keras passes it.
                )
            ],
        )
        layers = dict[str, NDArray[Any]]()
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        for number, layer in enumerate(dense):
            layers[f"weights_{number}"], layers[f"bias_{number}"] = layer.get_weights()
        return cls(scale | layers)

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """One probability per row."""
        signal = _standardised(_logged(frame), self.arrays).astype(np.float64)
        layers = self._layers()
        for number, (weights, bias) in enumerate(layers, start=1):
            signal = signal @ weights + bias
            if number < len(layers):
                signal = np.maximum(signal, 0.0)
        found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(signal[:, 0], -30, 30)))
        return found

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds, away from an average customer's."""
        inputs = _standardised(_logged(frame), self.arrays).astype(np.float64)
        return network_contributions(frame, inputs=inputs, layers=self._layers())

    def _layers(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        count = sum(name.startswith("weights_") for name in self.arrays)
        return [(self.arrays[f"weights_{n}"], self.arrays[f"bias_{n}"]) for n in range(count)]


def _logged(frame: pd.DataFrame) -> NDArray[np.float64]:
    values = frame.to_numpy(np.float64)
    found: NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values))
    return found


def _standardised(
    values: NDArray[np.float64], scale: Mapping[str, NDArray[Any]]
) -> NDArray[np.float32]:
    centred = (values - scale["mean"]) / scale["spread"]
    found: NDArray[np.float32] = np.nan_to_num(np.clip(centred, -_LIMIT, _LIMIT), nan=0.0).astype(
        np.float32
    )
    return found


def _keras_model(keras: Any, *, width: int, config: NetworkConfig) -> Any:
    layers = [keras.layers.Input((width,))]
    for units in config.hidden:
        decay = keras.regularizers.L2(config.weight_decay)
        layers.append(keras.layers.Dense(units, activation="relu", kernel_regularizer=decay))
        layers.append(keras.layers.Dropout(config.dropout))
    layers.append(keras.layers.Dense(1, activation="sigmoid"))
    model = keras.Sequential(layers)
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss="binary_crossentropy",
        # Steps take a millisecond: loop over them in the graph, since Python's own loop costs more.
        steps_per_execution=32,
    )
    return model
