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

from lifecycle_engine.sdk.dense import Dense, DenseConfig, Head, sigmoid
from lifecycle_engine.sdk.devices import devices_found
from lifecycle_engine.sdk.explaining import Contributions, network_contributions
from lifecycle_engine.sdk.scorers import Progress

Floats = NDArray[np.float64]

#: Nobody is taken for a customer of whom no training row has shown the like, in spreads.
_LIMIT = 4.0
#: Spreads of the logarithm, between which the network's are held: beyond it the mean explodes.
_SIGMA = (0.05, 2.0)


class NetworkConfig(DenseConfig):
    """How the network is built and trained: amounts want more of it than probabilities."""

    hidden: tuple[int, ...] = Field(default=(48, 24), min_length=1)
    epochs: int = Field(default=12, ge=1, le=200)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class ZeroInflated:
    """A dense network with three outputs.

    Attributes:
        arrays: those of ``Dense``, and mean and spread of the logarithm of what was spent.
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
        import tensorflow

        logs = np.log(spent[spent > 0])
        middle, unit = logs.mean(), max(logs.std(), 0.1)
        targets = np.zeros((len(spent), 2), dtype=np.float32)
        targets[:, 0] = spent > 0
        targets[spent > 0, 1] = (logs - middle) / unit
        dense = Dense.fit(
            devices_found(keras, tensorflow, name="value"),
            frame,
            targets,
            head=Head(3, _loss),
            config=config,
            seed=seed,
            progress=progress,
        )
        return cls(dense.arrays | {"spend": np.array([middle, unit])})

    def predict(self, frame: pd.DataFrame) -> Floats:
        """The expected spend of each row."""
        found: Floats = np.exp(self._log_mean(Dense(self.arrays).outputs(frame))[0])
        return found

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the expected spend, beside an average customer's."""
        dense = Dense(self.arrays)
        found = network_contributions(
            frame, inputs=dense.inputs(frame), layers=dense.layers, end=self._log_mean
        )
        return found.through(np.exp)

    def _log_mean(self, outputs: Floats) -> tuple[Floats, Floats]:
        """The logarithm of the expected spend, and how it changes with each output."""
        middle, unit = self.arrays["spend"]
        some = sigmoid(outputs[:, 0])
        mu = middle + unit * np.clip(outputs[:, 1], -_LIMIT, _LIMIT)
        spread = np.logaddexp(0.0, outputs[:, 2])
        sigma = unit * np.clip(spread, *_SIGMA)
        slopes = [
            1.0 - some,
            unit * (np.abs(outputs[:, 1]) < _LIMIT),
            sigma * unit * sigmoid(outputs[:, 2]) * ((spread > _SIGMA[0]) & (spread < _SIGMA[1])),
        ]
        return np.log(some) + mu + sigma**2 / 2, np.column_stack(slopes)


def _loss(truth: Any, outputs: Any) -> Any:
    """Minus the log-likelihood: the log-normal counts only of those who spent."""
    from keras import ops

    some, log_spent = truth[:, 0], truth[:, 1]
    sigma = ops.clip(ops.softplus(outputs[:, 2]), *_SIGMA)
    whether = ops.binary_crossentropy(some, outputs[:, 0], from_logits=True)
    how_much = ops.log(sigma) + 0.5 * ops.square((log_spent - outputs[:, 1]) / sigma)
    return whether + some * how_much
