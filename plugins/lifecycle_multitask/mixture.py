"""A multi-gate mixture of experts: trained with Keras, asked as plain arrays.

Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts",
KDD 2018: experts that all tasks share, and for each task a gate, which says how much it listens to
which expert, and a tower. With one task it is the network of that task alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.dense import Dense, Floats, sigmoid
from lifecycle_engine.sdk.devices import Devices
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Progress
from plugins.lifecycle_multitask.losses import LOG_MOST, task_losses, weighed

#: Steps take a millisecond: loop over them in the graph, since Python's own loop costs more.
_STEPS_AT_ONCE = 32
#: A rate of 0 or 1 has no log-odds to begin with, and what is always the same costs nothing.
_RATE_LEAST, _COST_LEAST = 1e-3, 1e-3
#: The losses in parts of what saying the rate or the mean would cost, averaged over the tasks.
_RELATIVE = "relative"


class MixtureConfig(Config):
    """How the network is built and trained."""

    experts: int = Field(default=4, ge=1, le=32)
    expert_units: int = Field(default=24, ge=1, le=512)
    tower_units: int = Field(default=12, ge=1, le=512)
    #: At most; it ends when a later window has not become better for ``patience`` epochs.
    epochs: int = Field(default=20, ge=1, le=200)
    patience: int = Field(default=3, ge=1)
    batch_size: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)


@dataclass(frozen=True)
class Wanted:
    """What a network is to learn, and how.

    Attributes:
        amounts: of each task in the targets' order, whether it is an amount.
        weights: of each task's loss; None where uncertainty weighs them.
        seed: decides the first weights and the order of rows.
        epochs: at most; exactly, without a window to stop by.
    """

    amounts: tuple[bool, ...]
    weights: tuple[float, ...] | None
    seed: int
    epochs: int


class Mixture:
    """The network of several tasks.

    Attributes:
        arrays: ``mean`` and ``spread`` of the features (as ``Dense``); with I inputs (each feature,
            then of each whether it is missing), E experts of U units, T tasks and towers of H
            units: ``experts`` (I, E·U), ``gates`` (I, T·E), ``towers`` (T, U, H) and ``ends``
            (T, H), each with its ``…_bias``; ``levels`` (T), by which outputs are multiplied, 0 for
            a probability; ``log_variances`` (T).
        epochs: of how many the weights are; 0 where that is not known any more.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], *, epochs: int = 0) -> None:
        self.arrays = dict(arrays)
        self.epochs = epochs

    @classmethod
    def fit(
        cls,
        devices: Devices,
        frame: pd.DataFrame,
        targets: pd.DataFrame,
        *,
        wanted: Wanted,
        config: MixtureConfig,
        progress: Progress,
        validation: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    ) -> Self:
        """Train on rows of features and what is known of them.

        Args:
            devices: Keras, and over what each batch is spread.
            frame: the features.
            targets: a column for each task; NaN where it is unknown, which counts for nothing.
            wanted: what is learned.
            config: the layers, and how long.
            progress: told of each epoch.
            validation: a later window: the weights are those of the epoch that is best there.
        """
        levels = _levels(targets, wanted.amounts)
        found = cls(Dense.scaled(frame).arrays | {"levels": levels})
        inputs, truth = found._rows(frame, targets)
        start = _start(targets, truth, levels, wanted.amounts)
        later = None if validation is None else found._rows(*validation)
        stops = [] if later is None else [_stop(devices, config)]

        def trained(batch_size: int) -> tuple[Any, int]:
            devices.begin(wanted.seed)
            with devices.scope():
                model = _model(devices, inputs.shape[1], start, wanted, config)
                history = model.fit(
                    inputs,
                    truth,
                    validation_data=later,
                    batch_size=batch_size,
                    epochs=wanted.epochs,
                    verbose=0,
                    callbacks=[*devices.telling(progress, wanted.epochs), *stops],
                )
            seen = history.history.get(f"val_{_RELATIVE}")
            return model, wanted.epochs if seen is None else int(np.argmin(seen)) + 1

        model, found.epochs = devices.in_memory(trained, rows=config.batch_size)
        found.arrays |= _arrays(model, tasks=len(wanted.amounts))
        return found

    def _rows(
        self, frame: pd.DataFrame, targets: pd.DataFrame
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What Keras gets of rows, and what of their truth."""
        return self.inputs(frame).astype(np.float32), _truth(targets, self.arrays["levels"])

    def inputs(self, frame: pd.DataFrame) -> Floats:
        """What experts and gates get: the features, standardised, and which of them are missing.

        Without the latter somebody who never bought would pass for an average buyer.
        """
        missing = np.isnan(frame.to_numpy(np.float64))
        return np.concatenate([Dense(self.arrays).inputs(frame), missing], axis=1)

    def predict(self, frame: pd.DataFrame, task: int) -> Floats:
        """What the network says of a task: probabilities or amounts, (rows,)."""
        return self.linked(self.signal(self.inputs(frame), task), task)

    def linked(self, signal: Floats, task: int) -> Floats:
        """The probability of log-odds, or the amount of a logarithm."""
        level = float(self.arrays["levels"][task])
        if not level:
            return sigmoid(signal)
        found: Floats = level * np.exp(np.clip(signal, -LOG_MOST, LOG_MOST))
        return found

    def signal(self, inputs: Floats, task: int) -> Floats:
        """Log-odds, or the logarithm of the amount in parts of the level: (rows,)."""
        return self._forward(inputs, task)[-1]

    def gates(self, inputs: Floats, task: int) -> Floats:
        """How much the task listens to each expert, 1 in all: (rows, experts)."""
        tasks, experts = len(self.arrays["levels"]), self._experts
        weights = self.arrays["gates"].reshape(-1, tasks, experts)[:, task]
        scores = inputs @ weights + self.arrays["gates_bias"].reshape(tasks, experts)[task]
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        found: Floats = raised / raised.sum(axis=1, keepdims=True)
        return found

    def gradient(self, inputs: Floats, task: int) -> Floats:
        """How the signal moves with each input: (rows, inputs)."""
        hidden, gate, tower, _ = self._forward(inputs, task)
        kept, tasks = self.arrays, len(self.arrays["levels"])
        mixed = (kept["ends"][task] * (tower > 0)) @ kept["towers"][task].T
        experts = gate[:, :, None] * mixed[:, None, :] * (hidden > 0)
        asked = (hidden * mixed[:, None, :]).sum(axis=2)
        scores = gate * (asked - (gate * asked).sum(axis=1, keepdims=True))
        weights = kept["gates"].reshape(-1, tasks, self._experts)[:, task]
        found: Floats = experts.reshape(len(inputs), -1) @ kept["experts"].T + scores @ weights.T
        return found

    @property
    def task_weights(self) -> Floats:
        """How much each task's loss counts, by uncertainty: exp(-s)."""
        found: Floats = np.exp(-self.arrays["log_variances"].astype(np.float64))
        return found

    @property
    def _experts(self) -> int:
        return int(self.arrays["experts"].shape[1] // self.arrays["towers"].shape[1])

    def _forward(self, inputs: Floats, task: int) -> tuple[Floats, Floats, Floats, Floats]:
        """What leaves the experts, the gate, the tower (before ReLU) and the end."""
        kept = self.arrays
        hidden = np.maximum(inputs @ kept["experts"] + kept["experts_bias"], 0.0)
        hidden = hidden.reshape(len(inputs), self._experts, kept["towers"].shape[1])
        gate = self.gates(inputs, task)
        mixed = np.einsum("re,reu->ru", gate, hidden)
        tower = mixed @ kept["towers"][task] + kept["towers_bias"][task]
        signal = np.maximum(tower, 0.0) @ kept["ends"][task] + kept["ends_bias"][task]
        return hidden, gate, tower, signal


def _stop(devices: Devices, config: MixtureConfig) -> Any:
    """Ends a training that a later window has no more use for."""
    return devices.keras.callbacks.EarlyStopping(
        monitor=f"val_{_RELATIVE}",
        mode="min",
        patience=config.patience,
        restore_best_weights=True,
    )


def _levels(targets: pd.DataFrame, amounts: Sequence[bool]) -> Floats:
    """The mean of each amount, so that all outputs are of one size; 0 for a probability."""
    means = targets.mean().fillna(0.0).to_numpy(np.float64)
    return np.where(amounts, np.where(means > 0, means, 1.0), 0.0)


def _truth(targets: pd.DataFrame, levels: Floats) -> NDArray[np.float32]:
    """What the loss gets: the truth in parts of its level, and how much it counts.

    Each task's known rows count 1 on average over all rows, so that a task of few customers is
    learned as hard as one of many. (rows, 2 tasks).
    """
    values = targets.to_numpy(np.float64)
    known = ~np.isnan(values)
    share = known.mean(axis=0, keepdims=True)
    counts = known / np.where(share > 0, share, 1.0)
    scaled = np.nan_to_num(values, nan=0.0) / np.where(levels > 0, levels, 1.0)
    return np.concatenate([scaled, counts], axis=1).astype(np.float32)


@dataclass(frozen=True)
class _Start:
    """Where a network begins.

    Attributes:
        says: what each task says before it has learned anything: its rate, or its mean; (tasks,).
        costs: the loss of each task when it says that; (tasks,).
    """

    says: Floats
    costs: Floats


def _start(
    targets: pd.DataFrame, truth: NDArray[np.float32], levels: Floats, amounts: Sequence[bool]
) -> _Start:
    rates = np.clip(targets.mean().fillna(0.5).to_numpy(np.float64), _RATE_LEAST, 1 - _RATE_LEAST)
    says = np.where(levels > 0, 0.0, np.log(rates / (1 - rates)))
    values, counts = np.split(truth.astype(np.float64), 2, axis=1)
    losses = task_losses(np, values, np.broadcast_to(says, values.shape), amounts=amounts)
    return _Start(says, np.maximum((counts * losses).mean(axis=0), _COST_LEAST))


def _model(
    devices: Devices, width: int, start: _Start, wanted: Wanted, config: MixtureConfig
) -> Any:
    keras, tasks = devices.keras, len(wanted.amounts)
    layers = keras.layers
    decay = keras.regularizers.L2(config.weight_decay)
    inputs = layers.Input((width,))
    units = config.experts * config.expert_units
    hidden = layers.Dense(units, activation="relu", kernel_regularizer=decay, name="experts")
    experts = layers.Reshape((config.experts, config.expert_units))(
        layers.Dropout(config.dropout)(hidden(inputs))
    )
    scores = layers.Dense(tasks * config.experts, kernel_regularizer=decay, name="gates")(inputs)
    gates = layers.Softmax(axis=-1, dtype="float32")(
        layers.Reshape((tasks, config.experts))(scores)
    )
    mixed = layers.Dot(axes=(2, 1))([gates, experts])
    ends = []
    for task, first in enumerate(start.says):
        tower = layers.Dense(config.tower_units, activation="relu", name=f"tower_{task}")
        begin = keras.initializers.Constant(float(first))
        end = layers.Dense(1, bias_initializer=begin, dtype="float32", name=f"end_{task}")
        ends.append(end(tower(mixed[:, task])))
    # A layer of one constant input holds one number for each task.
    variances = layers.Dense(
        tasks, use_bias=False, kernel_initializer="zeros", dtype="float32", name="log_variances"
    )
    ones = keras.ops.ones_like(inputs[:, :1])
    outputs = layers.Concatenate(dtype="float32")([*ends, variances(ones)])
    model = keras.Model(inputs, outputs)
    if wanted.weights is None:
        # Where it would be if nothing could be learned: all tasks begin by counting alike.
        variances.set_weights([np.log(2 * start.costs)[None, :]])
    variances.trainable = wanted.weights is None
    _compile(model, devices, start, wanted, config)
    return model


def _compile(
    model: Any, devices: Devices, start: _Start, wanted: Wanted, config: MixtureConfig
) -> None:
    keras, tasks = devices.keras, len(wanted.amounts)
    ops = keras.ops
    costs = start.costs.astype(np.float32)

    def split(truth: Any, outputs: Any) -> tuple[Any, Any, Any]:
        losses = task_losses(ops, truth[:, :tasks], outputs[:, :tasks], amounts=wanted.amounts)
        return losses, truth[:, tasks:], outputs[:, tasks:]

    def loss(truth: Any, outputs: Any) -> Any:
        losses, counts, variances = split(truth, outputs)
        return weighed(ops, losses, counts, log_variances=variances, weights=wanted.weights)

    def relative(truth: Any, outputs: Any) -> Any:
        # By this it is seen when to stop: the loss itself also falls as its weights are learned.
        losses, counts, _ = split(truth, outputs)
        return ops.mean(counts * losses / costs, axis=1)

    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss=loss,
        metrics=[keras.metrics.MeanMetricWrapper(relative, name=_RELATIVE)],
        **devices.compiling(steps=_STEPS_AT_ONCE),
    )


def _arrays(model: Any, *, tasks: int) -> dict[str, NDArray[Any]]:
    """The weights by the names that ``Mixture.arrays`` has."""
    found: dict[str, NDArray[Any]] = {}
    for name in ("experts", "gates"):
        found[name], found[f"{name}_bias"] = model.get_layer(name).get_weights()
    for name, layer in (("towers", "tower"), ("ends", "end")):
        pairs = [model.get_layer(f"{layer}_{task}").get_weights() for task in range(tasks)]
        found[name] = np.stack([weights for weights, _ in pairs])
        found[f"{name}_bias"] = np.stack([bias for _, bias in pairs])
    found["ends"], found["ends_bias"] = found["ends"][:, :, 0], found["ends_bias"][:, 0]
    (variances,) = model.get_layer("log_variances").get_weights()
    return found | {"log_variances": variances[0]}
