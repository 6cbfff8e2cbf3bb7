"""A recurrent network over what customers did last: trained with Keras, asked as plain arrays.

**What moved an answer** is told by integrated gradients (Sundararajan, Taly and Yan, "Axiomatic
Attribution for Deep Networks", ICML 2017). The line begins at the *average customer*, as in dense
networks: at each place, counted from the newest, what the training's customers have there on
average, which is the share that has such an event at all, the mean of its embedded tokens, and the
mean of its numbers. It doesn't begin at the empty sequence. The network has never seen one, since
who is scored has bought something, so its answer there means nothing; and all customers' reasons
would first say that they did something. Of the average customer the network's answer is an ordinary
one, and reasons say in what a customer differs from it.
"""

from collections.abc import Mapping
from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.dense import sigmoid
from lifecycle_engine.sdk.devices import Devices, devices_found
from lifecycle_engine.sdk.explaining import Contributions, integrated_gradients
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Progress
from lifecycle_engine.sdk.sequences import Sequences, SequenceSpec
from plugins.churn_predictor.gated import Gated

Singles: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]

#: Rows that are predicted at once. With 1,024 and more of 24 units OpenBLAS shares each step's
#: small product out among threads, which wait for one another longer than they work.
_ROWS = 512
#: Points whose gradients are computed at once: all that their steps went through is kept meanwhile,
#: of 50 steps and 24 units 35 MB.
_POINTS = 512
#: The numbers of a step, beside its token: until the next one, before the cut-off date, the amount.
_NUMBERS = 3
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
            0 for all others, ``mean`` and ``spread`` of the three numbers, ``average`` (length, 1 +
            size + 3) with what customers have at each place on average, oldest first: whether there
            is an event, its embedded token, its numbers; and those of ``Gated``.
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

        def trained(batch_size: int) -> Any:
            devices.begin(seed)
            with devices.scope():
                model = _model(devices, tokens=len(arrays["vocabulary"]) + 1, config=config)
                model.fit(
                    inputs,
                    truth,
                    batch_size=batch_size,
                    epochs=config.epochs,
                    verbose=0,
                    callbacks=devices.telling(progress, config.epochs),
                )
            return model

        model = devices.in_memory(trained, rows=config.batch_size)
        (found.arrays["embedding"],) = model.get_layer("embedding").get_weights()
        names = ("gates", "gates_state", "gates_bias")
        found.arrays |= dict(zip(names, model.get_layer("steps").get_weights(), strict=True))
        for name in ("hidden", "output"):
            weights, bias = model.get_layer(name).get_weights()
            found.arrays |= {f"{name}_weights": weights, f"{name}_bias": bias}
        found.arrays["average"] = _average(*inputs, embedding=found.arrays["embedding"])
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
        """One probability per row.

        Rows of like length go together, since what none of them has need not be stepped through.
        """
        found, lengths = np.empty(len(frame)), _lengths(frame, spec)
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(frame), _ROWS):
            rows = order[start : start + _ROWS]
            longest = max(1, min(self._last, int(lengths[rows[-1]])))
            steps = Sequences.of(frame.iloc[rows], spec, last=longest)
            found[rows] = sigmoid(self.log_odds(*self.inputs(steps)))
        return found

    def log_odds(
        self, tokens: NDArray[np.int32], numbers: Singles, known: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """What the network says of such inputs: (rows)."""
        given = np.concatenate([self.arrays["embedding"][tokens], numbers], axis=2)
        return Gated(self.arrays).log_odds(known, given)

    def explain(self, frame: pd.DataFrame, spec: SequenceSpec) -> Contributions:
        """What each column of the sequences added to the log-odds; the others added nothing.

        That an event is there counts to its days, together with when it was and with the pause
        until the next one. Contributions sum to the distance from the average customer's log-odds
        to within a thousandth of it, as ``integrated_gradients`` says.
        """
        average = self.arrays["average"].astype(np.float64)
        points = self._points(Sequences.of(frame, spec, last=self._last), average)
        found = integrated_gradients(
            points, average.ravel(), output=self._output, gradient=self._gradient
        ).reshape(len(frame), *average.shape)
        there, token = found[:, :, 0], found[:, :, 1:-_NUMBERS].sum(axis=2)
        gap, ago, amount = np.moveaxis(found[:, :, -_NUMBERS:], 2, 0)
        names = list(spec.columns())
        values = np.zeros((len(frame), len(spec.FIELDS), spec.last))
        for field, parts in enumerate((token, there + gap + ago, amount)):
            values[:, field, : self._last] = parts[:, ::-1]
        flat = values.reshape(len(frame), len(names))
        steps = pd.DataFrame(flat, index=frame.index, columns=names)
        base = float(self._output(average.ravel()[None, :])[0])
        return Contributions(steps.reindex(columns=frame.columns, fill_value=0.0), base)

    def _points(self, steps: Sequences, average: Floats) -> Floats:
        """Where the customers are among what is integrated over: (rows, length * inputs)."""
        tokens, numbers, known = self.inputs(steps)
        there = np.ones((*known.shape, 1))
        found = np.concatenate([there, self.arrays["embedding"][tokens], numbers], axis=2)
        # What is not there is like the average one in all but that.
        absent = average.copy()
        absent[:, 0] = 0.0
        found = np.where(known[:, :, None], found, absent)
        return found.reshape(len(found), average.size)

    def _output(self, points: Floats) -> Floats:
        steps = points.reshape(len(points), *self.arrays["average"].shape)
        return Gated(self.arrays).log_odds(steps[:, :, 0], steps[:, :, 1:])

    def _gradient(self, points: Floats) -> Floats:
        found = np.empty_like(points)
        steps = points.reshape(len(points), *self.arrays["average"].shape)
        gated, into = Gated(self.arrays), found.reshape(steps.shape)
        for start in range(0, len(points), _POINTS):
            some = slice(start, start + _POINTS)
            into[some, :, 0], into[some, :, 1:] = gated.gradient(
                steps[some, :, 0], steps[some, :, 1:]
            )
        return found


def _average(
    tokens: NDArray[np.int32], numbers: Singles, known: NDArray[np.bool_], *, embedding: Singles
) -> Singles:
    """What is at each place on average, of those who have something there: ``average``."""
    rows, length = known.shape
    shares = np.zeros((length, len(embedding)), np.float32)
    for place in range(length):
        here = tokens[known[:, place], place]
        shares[place] = np.bincount(here, minlength=len(embedding)) / max(1, len(here))
    count = known.sum(axis=0)[:, None]
    means = (numbers * known[:, :, None]).sum(axis=0, dtype=np.float64) / np.maximum(1, count)
    return np.hstack([count / max(1, rows), shares @ embedding, means]).astype(np.float32)


def _lengths(frame: pd.DataFrame, spec: SequenceSpec) -> NDArray[np.int64]:
    """How many steps each row has: (rows)."""
    _token, days, _amount = np.split(np.array(spec.columns()), len(spec.FIELDS))
    found: NDArray[np.int64] = frame[[*days]].notna().to_numpy().sum(axis=1)
    return found


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
        return {"mean": np.zeros(_NUMBERS, np.float32), "spread": np.ones(_NUMBERS, np.float32)}
    spread = values.std(axis=0, dtype=np.float32)
    return {"mean": values.mean(axis=0), "spread": np.where(spread > 0, spread, 1.0)}


def _vocabulary(steps: Sequences, config: RecurrentConfig) -> NDArray[np.int64]:
    """The tokens that training sees often enough, ascending."""
    tokens, counts = np.unique(steps.token[steps.known], return_counts=True)
    often = counts >= config.token_least
    most = np.argsort(-counts[often], kind="stable")[: config.tokens_most]
    return np.sort(tokens[often][most])


def _model(devices: Devices, *, tokens: int, config: RecurrentConfig) -> Any:
    keras, layers = devices.keras, devices.keras.layers
    token = layers.Input((config.last,), dtype="int32")
    numbers = layers.Input((config.last, _NUMBERS))
    known = layers.Input((config.last,), dtype="bool")
    embedded = layers.Embedding(tokens, config.embedding, name="embedding")(token)
    steps = layers.Concatenate()([embedded, numbers])
    state = layers.GRU(config.units, name="steps")(steps, mask=known)
    hidden = layers.Dense(config.units, activation="relu", name="hidden")(
        layers.Dropout(config.dropout)(state)
    )
    output = layers.Dense(1, dtype="float32", name="output")(hidden)
    model = keras.Model([token, numbers, known], output)
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        **devices.compiling(),
    )
    return model
