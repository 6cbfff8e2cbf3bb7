"""A small dense network that gives one probability."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.dense import Dense, DenseConfig, Head, sigmoid
from lifecycle_engine.sdk.devices import devices_found
from lifecycle_engine.sdk.explaining import Contributions, network_contributions
from lifecycle_engine.sdk.scorers import Progress


class Network:
    """A dense network whose one output is the log-odds.

    Attributes:
        arrays: those of ``Dense``.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._dense = Dense(arrays)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored of it."""
        return self._dense.arrays

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        target: "pd.Series[float]",
        *,
        config: DenseConfig,
        seed: int,
        progress: Progress,
        weights: NDArray[np.float64] | None = None,
    ) -> Self:
        """Train on rows of features; missing ones count as average."""
        import keras
        import tensorflow

        dense = Dense.fit(
            devices_found(keras, tensorflow, name="churn"),
            frame,
            target.to_numpy(np.float32)[:, None],
            head=Head(1, keras.losses.BinaryCrossentropy(from_logits=True)),
            config=config,
            seed=seed,
            progress=progress,
            weights=weights,
        )
        return cls(dense.arrays)

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """One probability per row."""
        return sigmoid(self._dense.outputs(frame)[:, 0])

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the log-odds, away from an average customer's."""
        inputs = self._dense.inputs(frame)
        return network_contributions(frame, inputs=inputs, layers=self._dense.layers)
