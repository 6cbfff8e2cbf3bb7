"""A recurrent network over what customers did last: trained with Keras, asked as plain arrays."""

from collections.abc import Mapping
from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.dense import sigmoid
from lifecycle_engine.sdk.devices import devices_found
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Progress
from lifecycle_engine.sdk.sequences import Sequences, SequenceSpec

Singles: TypeAlias = NDArray[np.float32]

#: Rows that are predicted at once: of 50 steps and 32 units they take about 30 MB.
_ROWS = 4_096
#: Amounts and times stand by their logarithms, so few lie further out; absurd ones are cut off.
_LIMIT = 4.0


class RecurrentConfig(Config):
    """How the network is built and trained."""

    #: How many of the customer's newest events it reads; frames hold 50.
    last: int = Field(default=50, ge=1, le=50)
    units: int = Field(default=24, ge=1, le=256)
    embedding: int = Field(default=8, ge=1, le=64)
    #: Tokens that training sees less often, or beyond so many, are all one.
    token_least: int = Field(default=50, ge=1)
    tokens_most: int = Field(default=200, ge=1)
    epochs: int = Field(default=4, ge=1, le=200)
    batch_size: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class Recurrent:
    """Gated recurrent units (Cho et al. 2014) over tokens, times and amounts; one log-odds.

    A step tells the network its token, embedded; how long it was until the next step, or for the
    newest until the cut-off date; how long before the cut-off date it was; and its amount: the
    last three as logarithms, standardised. Steps that a customer lacks leave the state as it is.

    Attributes:
        arrays: ``vocabulary`` (token numbers, ascending), ``embedding`` (tokens + 1, size) with row
            0 for all others, ``mean`` and ``spread`` of the three numbers, and the layers' weights
            as Keras has them: gates in the order update, reset, candidate.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], *, last: int) -> None:
        self.arrays = dict(arrays)
        self._last = last

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        spec: SequenceSpec,
        config: RecurrentConfig,
        seed: int,
        progress: Progress,
    ) -> Self:
        """Train on the sequences of rows; the vocabulary and the scale are of these rows alone."""
        import keras
        import tensorflow

        devices = devices_found(keras, tensorflow, name="churn.sequence")
        steps = Sequences.of(frame, spec, last=config.last)
        arrays = _scale(steps) | {"vocabulary": _vocabulary(steps, config)}
        found = cls(arrays, last=config.last)
        inputs, truth = found.inputs(steps), target.to_numpy(np.float32)[:, None]

        def told(epoch: int, logs: object = None) -> None:
            del logs
            progress(epoch + 1, config.epochs)

        def trained(batch_size: int) -> Any:
            devices.begin(seed)
            with devices.scope():
                model = _model(keras, tokens=len(arrays["vocabulary"]) + 1, config=config)
                model.fit(
                    inputs,
                    truth,
                    batch_size=batch_size,
                    epochs=config.epochs,
                    verbose=0,
                    callbacks=devices.telling(told),
                )
            return model

        model = devices.in_memory(trained, rows=config.batch_size)
        (found.arrays["embedding"],) = model.get_layer("embedding").get_weights()
        names = ("gates", "gates_state", "gates_bias")
        found.arrays |= dict(zip(names, model.get_layer("steps").get_weights(), strict=True))
        for name in ("hidden", "output"):
            weights, bias = model.get_layer(name).get_weights()
            found.arrays |= {f"{name}_weights": weights, f"{name}_bias": bias}
        return found

    def inputs(self, steps: Sequences) -> tuple[NDArray[np.int32], Singles, NDArray[np.bool_]]:
        """Tokens by their place in the vocabulary, the three numbers, and which steps there are."""
        known = self.arrays["vocabulary"]
        place = np.minimum(np.searchsorted(known, steps.token), max(len(known) - 1, 0))
        tokens = np.zeros(steps.token.shape, np.int32)
        if len(known):
            tokens = np.where(known[place] == steps.token, place + 1, 0).astype(np.int32)
        centred = (_numbers(steps) - self.arrays["mean"]) / self.arrays["spread"]
        numbers = np.clip(centred, -_LIMIT, _LIMIT) * steps.known[:, :, None]
        return tokens, numbers.astype(np.float32), steps.known

    def predict(self, frame: pd.DataFrame, spec: SequenceSpec) -> NDArray[np.float64]:
        """One probability per row; so many rows at once that memory stays small."""
        found = np.empty(len(frame))
        for start in range(0, len(frame), _ROWS):
            rows = slice(start, start + _ROWS)
            steps = Sequences.of(frame.iloc[rows], spec, last=self._last)
            found[rows] = sigmoid(self.log_odds(*self.inputs(steps)))
        return found

    def log_odds(
        self, tokens: NDArray[np.int32], numbers: Singles, known: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """What the network says of such inputs: (rows)."""
        kept = self.arrays
        units = kept["gates_state"].shape[0]
        steps = np.concatenate([kept["embedding"][tokens], numbers], axis=2)
        state = np.zeros((len(tokens), units), np.float32)
        for number in range(tokens.shape[1]):
            given = steps[:, number] @ kept["gates"] + kept["gates_bias"][0]
            before = state @ kept["gates_state"] + kept["gates_bias"][1]
            both = given[:, : 2 * units] + before[:, : 2 * units]
            update, reset = np.split(_sigmoid(both), 2, axis=1)
            candidate = np.tanh(given[:, 2 * units :] + reset * before[:, 2 * units :])
            after = update * state + (1 - update) * candidate
            state[known[:, number]] = after[known[:, number]]
        hidden = np.maximum(state @ kept["hidden_weights"] + kept["hidden_bias"], 0.0)
        found: NDArray[np.float64] = hidden @ kept["output_weights"] + kept["output_bias"]
        return found[:, 0].astype(np.float64)


def _sigmoid(values: Singles) -> Singles:
    return (1.0 / (1.0 + np.exp(-np.clip(values, -30, 30)))).astype(np.float32)


def _numbers(steps: Sequences) -> Singles:
    """The three numbers of each step, before they are standardised: (rows, length, 3)."""
    next_one = np.concatenate([steps.days[:, 1:], np.zeros((len(steps.days), 1))], axis=1)
    gap = np.log1p(np.maximum(steps.days - next_one, 0.0))
    ago = np.log1p(np.maximum(steps.days, 0.0))
    amount = np.sign(steps.amount) * np.log1p(np.abs(steps.amount))
    found: Singles = np.stack([gap, ago, amount], axis=2).astype(np.float32)
    return found


def _scale(steps: Sequences) -> dict[str, NDArray[Any]]:
    values = _numbers(steps)[steps.known]
    if not len(values):
        return {"mean": np.zeros(3, np.float32), "spread": np.ones(3, np.float32)}
    spread = values.std(axis=0, dtype=np.float32)
    return {"mean": values.mean(axis=0), "spread": np.where(spread > 0, spread, 1.0)}


def _vocabulary(steps: Sequences, config: RecurrentConfig) -> NDArray[np.int64]:
    """The tokens that training sees often enough, ascending."""
    tokens, counts = np.unique(steps.token[steps.known], return_counts=True)
    often = counts >= config.token_least
    most = np.argsort(-counts[often], kind="stable")[: config.tokens_most]
    return np.sort(tokens[often][most])


def _model(keras: Any, *, tokens: int, config: RecurrentConfig) -> Any:
    layers = keras.layers
    token = layers.Input((config.last,), dtype="int32")
    numbers = layers.Input((config.last, 3))
    known = layers.Input((config.last,), dtype="bool")
    embedded = layers.Embedding(tokens, config.embedding, name="embedding")(token)
    steps = layers.Concatenate()([embedded, numbers])
    state = layers.GRU(config.units, name="steps")(steps, mask=known)
    hidden = layers.Dense(config.units, activation="relu", name="hidden")(
        layers.Dropout(config.dropout)(state)
    )
    model = keras.Model([token, numbers, known], layers.Dense(1, name="output")(hidden))
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    return model
