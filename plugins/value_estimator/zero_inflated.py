"""A network that says whether a customer spends, and how much: zero-inflated log-normal.

Trained with Keras, kept as plain arrays. After Wang, Liu and Miao, "A Deep Probabilistic Model for
Customer Lifetime Value Prediction", 2019: the three outputs are the log-odds of spending, and mean
and spread of the logarithm of what is spent. Its mean counts the spread in, exp(mu + sigma² / 2):
without that, the total would be a fraction of the truth.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Progress

Floats = NDArray[np.float64]

#: Standardised features are cut off here: one absurd order must not decide everything.
_LIMIT = 4.0
#: Spreads of the logarithm, between which the network's are held: beyond it the mean explodes.
_SIGMA = (0.05, 2.0)


class NetworkConfig(Config):
    """How the network is built and trained."""

    hidden: tuple[int, ...] = Field(default=(48, 24), min_length=1)
    epochs: int = Field(default=12, ge=1, le=200)
    batch_size: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)


class ZeroInflated:
    """A dense network with ReLU layers and three outputs, which predicts with NumPy.

    Attributes:
        arrays: mean and spread of the features after ±log(1 + |x|), those of the logarithm of what
            was spent, and each layer's weights (inputs, outputs) and bias (outputs).
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = dict(arrays)

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        spent: Floats,
        *,
        config: NetworkConfig,
        seed: int,
        progress: Progress,
    ) -> Self:
        """Train on rows of features; missing ones count as average.

        Args:
            frame: the features.
            spent: what each row's customer spent afterwards, 0 or more.
            config: the layers and how long.
            seed: decides the first weights and the order of rows.
            progress: told of each epoch.
        """
        import keras

        values = _logged(frame)
        logs = np.log(spent[spent > 0])
        scale = _scale(values) | {"spend": np.array([logs.mean(), max(logs.std(), 0.1)])}
        targets = np.zeros((len(spent), 2), dtype=np.float32)
        targets[:, 0] = spent > 0
        targets[spent > 0, 1] = (logs - scale["spend"][0]) / scale["spend"][1]
        keras.utils.set_random_seed(seed)
        # A session of its own: training twice in one process must not grow its memory.
        keras.backend.clear_session()
        model = _keras_model(keras, width=values.shape[1], config=config)
        model.fit(
            _standardised(values, scale),
            targets,
            batch_size=config.batch_size,
            epochs=config.epochs,
            verbose=0,
            callbacks=[
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda epoch, logs=None: progress(epoch + 1, config.epochs)  # noqa: ARG005 - Keras passes it.
                )
            ],
        )
        weights = dict[str, NDArray[Any]]()
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        for number, layer in enumerate(dense):
            weights[f"weights_{number}"], weights[f"bias_{number}"] = layer.get_weights()
        return cls(scale | weights)

    def predict(self, frame: pd.DataFrame) -> Floats:
        """The expected spend of each row."""
        signal = _standardised(_logged(frame), self.arrays).astype(np.float64)
        last = sum(name.startswith("weights_") for name in self.arrays) - 1
        for number in range(last + 1):
            signal = signal @ self.arrays[f"weights_{number}"] + self.arrays[f"bias_{number}"]
            if number < last:
                signal = np.maximum(signal, 0.0)
        middle, unit = self.arrays["spend"]
        some = 1.0 / (1.0 + np.exp(-np.clip(signal[:, 0], -30, 30)))
        # Nobody is taken for a customer of whom no training row has shown the like.
        mu = middle + unit * np.clip(signal[:, 1], -_LIMIT, _LIMIT)
        sigma = unit * np.clip(np.logaddexp(0.0, signal[:, 2]), *_SIGMA)
        found: Floats = some * np.exp(mu + sigma**2 / 2)
        return found


def _scale(values: Floats) -> dict[str, Floats]:
    counted = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    mean = np.nansum(values, axis=0) / counted
    spread = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / counted)
    return {"mean": mean, "spread": np.where(spread > 0, spread, 1.0)}


def _logged(frame: pd.DataFrame) -> Floats:
    values = frame.to_numpy(np.float64)
    found: Floats = np.sign(values) * np.log1p(np.abs(values))
    return found


def _standardised(values: Floats, scale: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    centred = (values - scale["mean"]) / scale["spread"]
    found: NDArray[np.float32] = np.nan_to_num(np.clip(centred, -_LIMIT, _LIMIT), nan=0.0).astype(
        np.float32
    )
    return found


def _keras_model(keras: Any, *, width: int, config: NetworkConfig) -> Any:
    ops = keras.ops

    def loss(truth: Any, outputs: Any) -> Any:
        """Minus the log-likelihood: the log-normal counts only of those who spent."""
        some, log_spent = truth[:, 0], truth[:, 1]
        sigma = ops.clip(ops.softplus(outputs[:, 2]), *_SIGMA)
        whether = ops.binary_crossentropy(some, outputs[:, 0], from_logits=True)
        how_much = ops.log(sigma) + 0.5 * ops.square((log_spent - outputs[:, 1]) / sigma)
        return whether + some * how_much

    layers = [keras.layers.Input((width,))]
    for units in config.hidden:
        decay = keras.regularizers.L2(config.weight_decay)
        layers.append(keras.layers.Dense(units, activation="relu", kernel_regularizer=decay))
        layers.append(keras.layers.Dropout(config.dropout))
    layers.append(keras.layers.Dense(3))
    model = keras.Sequential(layers)
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss=loss,
        # Steps take a millisecond: loop over them in the graph, since Python's own loop costs more.
        steps_per_execution=32,
    )
    return model
