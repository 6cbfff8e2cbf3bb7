"""Contributions in networks: integrated gradients.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (ICML 2017): along the
straight line from an average customer to this one, each feature gets the sum of what its own steps
changed.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining.contributions import Contributions

#: Numbers in one array of points on the lines.
_CHUNK = 2_000_000

Floats = NDArray[np.float64]
#: The weights (inputs, outputs) and the bias (outputs) of one dense layer.
Layer = tuple[NDArray[np.floating], NDArray[np.floating]]


#: What a model makes of a network's outputs (rows, outputs): its answers (rows,), and how they
#: change with the outputs (rows, outputs).
End = Callable[[Floats], tuple[Floats, Floats]]


def _first(outputs: Floats) -> tuple[Floats, Floats]:
    slopes = np.zeros_like(outputs)
    slopes[:, 0] = 1.0
    return outputs[:, 0], slopes


def network_contributions(
    frame: pd.DataFrame, *, inputs: Floats, layers: Sequence[Layer], end: End = _first
) -> Contributions:
    """Contributions to what a model makes of dense layers with ReLU between.

    Args:
        frame: the customers; gives the index and the columns.
        inputs: what the first layer gets, (customers, features): standardised, so that 0 is an
            average customer; one input per feature.
        layers: from the first to the last.
        end: from the last layer's outputs to the answer; by default the first output is it, before
            its link.
    """
    average = np.zeros(frame.shape[1])

    def output(points: Floats) -> Floats:
        return end(_signals(points, layers)[-1])[0]

    values = integrated_gradients(
        np.asarray(inputs, dtype=np.float64).reshape(frame.shape),
        average,
        output=output,
        gradient=lambda points: _gradient(points, layers, end),
    )
    return Contributions(
        pd.DataFrame(values, index=frame.index, columns=frame.columns),
        float(output(average[None, :])[0]),
    )


def integrated_gradients(
    inputs: Floats,
    average: Floats,
    *,
    output: Callable[[Floats], Floats],
    gradient: Callable[[Floats], Floats],
    tolerance: float = 1e-3,
    steps: int = 32,
    steps_max: int = 2048,
) -> Floats:
    """What each input changed in ``output`` on the way from the average customer.

    Steps are doubled for customers whose contributions don't sum to their answer yet.

    Args:
        inputs: (customers, features).
        average: where the lines begin, (features,).
        output: of points (points, features) the answers (points,).
        gradient: of points the gradients of the answers, (points, features).
        tolerance: by how much contributions may miss the answer's distance from the average's, in
            its scale, or as a part of it where it is more than 1.
        steps: points on each line, to begin with.
        steps_max: where doubling ends, whatever is missing then.
    """
    if not len(inputs):
        return np.zeros_like(inputs)
    wanted = output(inputs) - output(average[None, :])
    found = np.zeros_like(inputs)
    open_rows = np.arange(len(inputs))
    while len(open_rows):
        found[open_rows] = _along_the_line(inputs[open_rows], average, gradient, steps)
        missing = _missing(found[open_rows], wanted[open_rows])
        open_rows = open_rows[missing > tolerance] if steps < steps_max else open_rows[:0]
        steps *= 2
    return found


def _missing(found: Floats, wanted: Floats) -> Floats:
    gap: Floats = np.abs(found.sum(axis=1) - wanted) / np.maximum(1.0, np.abs(wanted))
    return gap


def _along_the_line(
    inputs: Floats, average: Floats, gradient: Callable[[Floats], Floats], steps: int
) -> Floats:
    """Distance times the mean gradient at the middles of equal steps."""
    middles = (np.arange(steps) + 0.5) / steps
    size = max(1, _CHUNK // (steps * inputs.shape[1]))
    parts = []
    for first in range(0, len(inputs), size):
        way = inputs[first : first + size] - average
        points = average + middles[None, :, None] * way[:, None, :]
        slopes = gradient(points.reshape(-1, inputs.shape[1])).reshape(points.shape)
        parts.append(way * slopes.mean(axis=1))
    return np.concatenate(parts)


def _signals(points: Floats, layers: Sequence[Layer]) -> list[Floats]:
    """What leaves each layer, before ReLU."""
    found: list[Floats] = []
    signal = points
    for weights, bias in layers:
        found.append(signal @ weights + bias)
        signal = np.maximum(found[-1], 0.0)
    return found


def _gradient(points: Floats, layers: Sequence[Layer], end: End) -> Floats:
    signals = _signals(points, layers)
    _, slopes = end(signals[-1])
    back: Floats = slopes @ layers[-1][0].T
    for signal, (weights, _) in zip(reversed(signals[:-1]), reversed(layers[:-1]), strict=True):
        back = (back * (signal > 0)) @ weights.T
    return back
