"""What a scorer has to keep to beyond the usual, where its output is a class."""

from typing import TypeAlias

import numpy as np
import pandas as pd

from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.explaining import ClassContributions, Contributions
from lifecycle_engine.sdk.scorers import Classes, Scorer

Column: TypeAlias = "pd.Series[float]"


def check_classes(scorer: Scorer, frame: pd.DataFrame) -> None:
    """Check a fitted scorer of classes on features; one of another kind is let through.

    Numbers are whole; known classes have a probability each, which add up; found ones go by the
    numbers that they are given.

    Args:
        scorer: fitted.
        frame: features.

    Raises:
        AssertionError: the scorer breaks a promise; the message says which.
    """
    if not isinstance(scorer.output, Classes):
        return
    for method in ("predict", "baseline"):
        values = getattr(scorer, method)(frame).to_numpy(float)
        whole = np.array_equal(values, np.floor(values))
        assert whole, f"{scorer.key}: {method} returns numbers that are no class's"
    if isinstance(scorer, ClassScorer):
        for method in ("predict_proba", "baseline_proba"):
            _check_probabilities(scorer, frame, method)
    if isinstance(scorer, ClusterScorer):
        _check_clusters(scorer, frame)


def check_class_reasons(scorer: Scorer, found: Contributions, predicted: Column) -> None:
    """Check what is said of why customers are in their classes.

    Args:
        scorer: fitted.
        found: what ``explain`` gives, or ``explain_baseline``.
        predicted: the classes that it is to explain.

    Raises:
        AssertionError: the scorer breaks a promise; the message says which.
    """
    assert isinstance(found, ClassContributions), f"{scorer.key}: explain tells of no classes"
    same = np.array_equal(found.own, predicted)
    assert same, f"{scorer.key}: explain tells of other classes than predict"
    apart = (found.own != found.rival).all()
    assert apart, f"{scorer.key}: explain compares a class with itself"
    totals = found.totals().to_numpy(float)
    # Those of networks are sums over many steps.
    least = -0.01 * np.abs(totals).max(initial=0.0) - 1e-6
    assert (totals >= least).all(), f"{scorer.key}: reasons speak for the rival"


def classes_drawn(
    scorer_class: type[ClassScorer], signal: "pd.Series[float]"
) -> "pd.Series[float]":
    """A class for each row of generated data, which depends on a signal; all are as frequent."""
    numbers = np.array(sorted(scorer_class.classes), dtype=float)
    places = np.minimum((signal.rank(pct=True) * len(numbers)).astype(int), len(numbers) - 1)
    return pd.Series(numbers[places], index=signal.index, name="target")


def _check_probabilities(scorer: ClassScorer, frame: pd.DataFrame, method: str) -> None:
    before = frame.copy()
    found = getattr(scorer, method)(frame)
    assert frame.equals(before), f"{scorer.key}: {method} changes its frame"
    assert found.index.equals(frame.index), f"{scorer.key}: {method} returns another index"
    wanted = sorted(scorer.classes)
    assert [*found.columns] == wanted, f"{scorer.key}: {method} has no column for each class"
    values = found.to_numpy(float)
    sums = np.allclose(values.sum(axis=1), 1.0, atol=1e-6)
    assert (values >= 0).all(), f"{scorer.key}: {method} returns probabilities below 0"
    assert sums, f"{scorer.key}: {method} returns probabilities that don't sum to 1"
    nobody = getattr(scorer, method)(frame.iloc[:0])
    assert len(nobody) == 0, f"{scorer.key}: {method} makes customers up"


def _check_clusters(scorer: ClusterScorer, frame: pd.DataFrame) -> None:
    ours, theirs = scorer.assign(frame), scorer.assign_baseline(frame)
    numbers, others = (tuple(range(7, 8 + int(one.max()))) for one in (ours, theirs))
    before = scorer.numbers, scorer.baseline_numbers
    scorer.renumber(numbers, others)
    same = np.array_equal(scorer.predict(frame), ours + 7.0)
    same = same and np.array_equal(scorer.baseline(frame), theirs + 7.0)
    scorer.renumber(*before)
    assert same, f"{scorer.key}: clusters don't go by the numbers that they are given"
    places = scorer.project(frame)
    if places is not None:
        assert places.shape == (len(frame), 2), f"{scorer.key}: project gives no place for each"
        assert np.isfinite(places).all(), f"{scorer.key}: project gives no numbers"
