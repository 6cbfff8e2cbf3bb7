"""What the precision of numbers and XLA do to networks, on the devices that there are.

The churn plugin's dense network learns from ``BENCH_ROWS`` (40,000 by default) rows, its recurrent
one from a tenth as many. Each is trained with all four pairs of ``GPU_PRECISION`` and ``GPU_XLA``,
the seed being the same. The reference is 32 bits without XLA. The first epoch includes making the
graph. The loss is of rows that no training saw.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench-devices``
"""

import os
import sys
import time
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.dense import DenseConfig
from lifecycle_engine.sdk.devices import devices_noted
from lifecycle_engine.sdk.features import BUYING_HABITS
from lifecycle_engine.sdk.scorers import Progress
from lifecycle_engine.sdk.sequences import SequenceSpec
from plugins.churn_predictor.network import Network
from plugins.churn_predictor.recurrent import Recurrent, RecurrentConfig

ROWS = int(os.environ.get("BENCH_ROWS", "40_000"))
EPOCHS = 3
FEATURES = len(BUYING_HABITS)
SPEC = SequenceSpec(last=50, of="events")
SEED = 5


def _dense() -> tuple[Callable[[Progress], object], Callable[[object], float]]:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.lognormal(1.0, 1.0, (2 * ROWS, FEATURES)))
    frame.columns = [f"feature_{number}" for number in range(FEATURES)]
    odds = np.log(frame.iloc[:, 0]) - np.log(frame.iloc[:, 1]) * np.log(frame.iloc[:, 2])
    target = pd.Series((rng.random(2 * ROWS) < 1 / (1 + np.exp(-odds))).astype(float))

    def fit(progress: Progress) -> Network:
        config = DenseConfig(epochs=EPOCHS)
        rows = frame.iloc[:ROWS], target.iloc[:ROWS]
        return Network.fit(*rows, config=config, seed=SEED, progress=progress)

    return fit, lambda network: _log_loss(target.iloc[ROWS:], network.predict(frame.iloc[ROWS:]))


def _recurrent() -> tuple[Callable[[Progress], object], Callable[[object], float]]:
    rng, rows = np.random.default_rng(2), max(200, ROWS // 10)
    shape = 2 * rows, SPEC.last
    known = np.arange(SPEC.last) < rng.integers(0, SPEC.last + 1, (2 * rows, 1))
    token = rng.integers(1, 30, shape).astype(float)
    fields = (token, np.sort(rng.uniform(0, 90, shape), axis=1), rng.lognormal(3, 1, shape))
    columns = np.hstack([np.where(known, one, np.nan) for one in fields])
    frame = pd.DataFrame(columns, columns=list(SPEC.columns()), dtype=np.float32)
    target = pd.Series(1.0 - (known & (token == 5)).any(axis=1))

    def fit(progress: Progress) -> Recurrent:
        given = {"config": RecurrentConfig(epochs=EPOCHS), "spec": SPEC, "seed": SEED}
        return Recurrent.fit(frame.iloc[:rows], target.iloc[:rows], progress=progress, **given)

    return fit, lambda network: _log_loss(
        target.iloc[rows:], network.predict(frame.iloc[rows:], SPEC)
    )


@pytest.mark.parametrize("made", [_dense, _recurrent], ids=["dense", "recurrent"])
def test_precision_and_xla(made, settings):
    settings.TENSORBOARD_DIR = None
    fit, judged = made()
    reference = None
    for precision, xla in product(("float32", "mixed"), ("off", "on")):
        settings.GPU_PRECISION, settings.GPU_XLA = precision, xla
        with devices_noted() as devices:
            network, first, epoch = _timed(fit)
        if reference is None:
            reference = epoch
            _say(f"{made.__name__[1:]} on {devices[0]['count']} x {devices[0]['kind']}")
            _say("  GPU_PRECISION  GPU_XLA  seconds an epoch  of the reference  the first    loss")
        loss = judged(network)
        _say(
            f"  {precision:13}  {xla:7}  {epoch:16.2f}  {epoch / reference:16.2f}  "
            f"{first:9.2f}  {loss:6.4f}"
        )


def _timed(fit: Callable[[Progress], object]) -> tuple[object, float, float]:
    """The network, how long its first epoch took, and how long the others on average."""
    ends = [time.perf_counter()]
    network = fit(lambda _done, _total: ends.append(time.perf_counter()))
    first, *others = np.diff(ends)
    return network, float(first), float(np.mean(others))


def _log_loss(truth: "pd.Series[float]", said: np.ndarray) -> float:
    said = np.clip(said, 1e-7, 1 - 1e-7)
    return float(-np.mean(truth * np.log(said) + (1 - truth) * np.log(1 - said)))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
