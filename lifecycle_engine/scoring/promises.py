"""What scorers give, if it keeps what the SDK promises of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.scoring.errors import ScorerOutputError
from lifecycle_engine.scoring.measures import Floats
from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.scorers import (
    RANKING_COLUMNS,
    Classes,
    Probability,
    RankingScorer,
    Scorer,
)

#: How many products are recommended, and how many places of a ranking are judged.
PLACES = 10


def outputs_checked(
    scorer: Scorer, frame: pd.DataFrame, method: Callable[[pd.DataFrame], Any]
) -> "pd.Series[float]":
    """The output of ``predict`` or ``baseline``, if it keeps the scorer's promises.

    Raises:
        ScorerOutputError: it has another index, a NaN, or a value out of bounds.
    """
    found = method(frame)
    if not isinstance(found, pd.Series) or not found.index.equals(frame.index):
        raise ScorerOutputError(
            f"Scorer {scorer.key} did not return a series with the frame's index"
        )
    values = found.to_numpy(float)
    highest = 1.0 if isinstance(scorer.output, Probability) else np.inf
    wrong = ~(np.isfinite(values) & (values >= 0) & (values <= highest))
    if isinstance(scorer.output, Classes) and not wrong.any():
        wrong = values != np.floor(values)
        if isinstance(scorer, ClassScorer):
            wrong |= ~np.isin(values, list(scorer.classes))
        highest = float(max(getattr(scorer, "classes", ()), default=np.inf))
    if wrong.any():
        raise ScorerOutputError(
            f"Scorer {scorer.key} gave {values[wrong][0]} to customer {found.index[wrong][0]}, "
            f"not a number from 0 to {highest:g}"
        )
    return found.astype(float)


def truth_checked(scorer: Scorer, outcome: "pd.Series[float]") -> "pd.Series[float]":
    """What is judged of outcomes, if it is what the scorer's output is about.

    Raises:
        ScorerOutputError: of a probability one is neither 0 nor 1, or one of an amount is negative.
    """
    found = scorer.truth(outcome)
    values = found.to_numpy(float)
    wrong, right = values < 0, "0 or more"
    if isinstance(scorer.output, Probability):
        wrong, right = ~np.isin(values, (0.0, 1.0)), "0 or 1"
    if wrong.any():
        raise ScorerOutputError(
            f"Scorer {scorer.key}: the outcome of customer {found.index[wrong][0]} is "
            f"{values[wrong][0]:g}, not {right}"
        )
    return found


def said_checked(scorer: Scorer, frame: pd.DataFrame, *, baseline: bool = False) -> Floats:
    """What is compared with what came true: one number per customer, or of classes probabilities.

    Returns:
        (customers), or of a scorer of known classes (customers, numbers): column n has the
        probability of class n.

    Raises:
        ScorerOutputError: the scorer broke a promise.
    """
    if isinstance(scorer, ClassScorer):
        says = scorer.baseline_proba if baseline else scorer.predict_proba
        return _probabilities(scorer, frame, says(frame))
    found: Floats = outputs_checked(
        scorer, frame, scorer.baseline if baseline else scorer.judged
    ).to_numpy()
    return found


def _probabilities(scorer: ClassScorer, frame: pd.DataFrame, said: Any) -> Floats:
    numbers = sorted(scorer.classes)
    if not isinstance(said, pd.DataFrame) or not said.index.equals(frame.index):
        raise ScorerOutputError(
            f"Scorer {scorer.key} did not return a frame with the frame's index"
        )
    if [*said.columns] != numbers:
        raise ScorerOutputError(
            f"Scorer {scorer.key} gave classes {[*said.columns]}, not {numbers}"
        )
    values = said.to_numpy(np.float64)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ScorerOutputError(f"Scorer {scorer.key} gave probabilities that are none")
    if not np.allclose(values.sum(axis=1), 1.0, atol=1e-6):
        raise ScorerOutputError(f"Scorer {scorer.key} gave probabilities that don't add up to 1")
    found = np.zeros((len(frame), numbers[-1] + 1))
    found[:, numbers] = values
    return found


def ranking_checked(scorer: RankingScorer, ranking: Any) -> pd.DataFrame:
    """A ranking, if it has the promised form.

    Raises:
        ScorerOutputError: a column is missing, a score is no number, or a customer has a product
            or a rank twice.
    """
    if not isinstance(ranking, pd.DataFrame) or not {*RANKING_COLUMNS} <= {*ranking.columns}:
        raise ScorerOutputError(f"Scorer {scorer.key} did not return columns {RANKING_COLUMNS}")
    if not np.isfinite(ranking["score"].to_numpy(float)).all():
        raise ScorerOutputError(f"Scorer {scorer.key} gave a score that is no number")
    for column in ("rank", "sku"):
        twice = ranking.duplicated(["customer_id", column])
        if twice.any():
            customer_id, value = ranking.loc[twice, ["customer_id", column]].iloc[0]
            raise ScorerOutputError(
                f"Scorer {scorer.key} gave customer {customer_id} the {column} {value} twice"
            )
    return ranking
