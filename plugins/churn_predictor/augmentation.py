"""Churners that were made up, for training alone: rare outcomes made less rare."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from pydantic import Field

from lifecycle_engine.sdk.trials import SEEDS_LEAST
from plugins.churn_predictor.gan import GanConfig, rows_made_up
from plugins.churn_predictor.tabular import TableCode, columns_apart

#: Of fewer churners a network learns by heart.
CHURNERS_LEAST = 50


class AugmentConfig(GanConfig):
    """Whether made-up churners are tried, over how many seeds, and how many are made up.

    Tried, they cost a training of the two networks and two of the classifier for each seed.
    """

    tried: bool = False
    seeds: int = Field(default=SEEDS_LEAST, ge=SEEDS_LEAST, le=50)
    #: Churners for each customer who stays, real and made-up ones together.
    ratio: float = Field(default=0.5, gt=0, le=1)


@dataclass(frozen=True)
class MadeUp:
    """What was made up, for the card.

    Attributes:
        rows: how many.
        copies: the share that equals a real row to the last figure.
        alike: the share that equals another made-up row: much of it is a collapse.
        apart: how far columns are from the real ones, ``columns_apart``.
    """

    rows: int = 0
    copies: float = 0.0
    alike: float = 0.0
    apart: float = 0.0

    def as_json(self) -> dict[str, float]:
        """For the model card."""
        return asdict(self)


def augmented(
    frame: pd.DataFrame, target: "pd.Series[float]", *, config: AugmentConfig, seed: int
) -> "tuple[pd.DataFrame, pd.Series[float], MadeUp]":
    """The rows of training with made-up churners after them; they have numbers below 0.

    All is learned from the rows given, so rows that calibrate, choose or judge must not be among
    them. Where churners are not rarer than ``ratio`` says, or too few, nothing is made up.

    Args:
        frame: rows of features.
        target: 1 for who churned.
        config: how.
        seed: equal seeds give equal rows.
    """
    churned = target.to_numpy(np.float64) > 0
    count = round(config.ratio * float((~churned).sum())) - int(churned.sum())
    if count <= 0 or churned.sum() < CHURNERS_LEAST:
        return frame, target, MadeUp()
    real = frame[churned]
    code = TableCode.fit(real)
    rows = rows_made_up(
        code.encode(real), flags=len(code.missing), count=count, config=config, seed=seed
    )
    made_up = code.decode(rows)
    index = pd.MultiIndex.from_product(
        [[frame.index[-1][0]], -1 - np.arange(count)], names=frame.index.names
    )
    both = pd.concat([frame, made_up.set_index(index)])
    truth = pd.concat([target, pd.Series(1.0, index=index, name=target.name)])
    return both, truth, _figures(real, made_up)


def _figures(real: pd.DataFrame, made_up: pd.DataFrame) -> MadeUp:
    seen = {row.tobytes() for row in real.to_numpy(np.float64)}
    rows = [row.tobytes() for row in made_up.to_numpy(np.float64)]
    return MadeUp(
        rows=len(rows),
        copies=sum(row in seen for row in rows) / len(rows),
        alike=1.0 - len(set(rows)) / len(rows),
        apart=columns_apart(real, made_up),
    )
