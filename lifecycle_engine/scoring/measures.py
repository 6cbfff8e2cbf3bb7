"""Metrics of scores beside outcomes, each for many resamples at once.

scikit-learn's, which the tests hold these to, take one resample at a time.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lifecycle_engine.sdk.scorers import Amount, Classes, Output

Floats: TypeAlias = NDArray[np.float64]
#: How often each row counts, in each of many samples: shape (samples, rows).
Weights: TypeAlias = NDArray[np.float64]
#: A metric that knows its targets and scores: gives one value per sample.
Prepared: TypeAlias = Callable[[Weights], Floats]
Metric: TypeAlias = Callable[[Floats, Floats], Prepared]

TOP_SHARE = 0.1
#: Nothing is certain: probabilities are kept this far off 0 and 1 where their logarithm is taken.
_EPSILON = 1e-6


def metrics_for(output: Output, *, share: float | None = None) -> dict[str, tuple[Metric, bool]]:
    """The metrics for a kind of output with whether higher is better; the first decides.

    Args:
        output: what the scorer gives.
        share: of probabilities, the share of customers who are called: adds how right the calls
            are. Model and baseline each call as many, those with the highest scores.
    """
    if isinstance(output, Amount):
        return _AMOUNT
    if isinstance(output, Classes):
        return _CLASSES
    if share is None:
        return _PROBABILITY
    called = {name: (partial(metric, share=share), True) for name, metric in _CALLS.items()}
    return _PROBABILITY | called


def threshold_for(score: Floats, share: float) -> float:
    """The score from which on about the given share of customers is called; ties all are."""
    return float(np.quantile(score, 1 - share, method="higher")) if len(score) else 1.0


def area_under_curve(target: Floats, score: Floats) -> Prepared:
    """How often a one is scored above a zero, ties counting half (Hanley & McNeil 1982)."""
    by_score = _by_score(target, score)

    def weighted(weights: Weights) -> Floats:
        ones, zeros = by_score(weights)
        below = zeros.sum(axis=1, keepdims=True) - np.cumsum(zeros, axis=1)
        won = (ones * (below + zeros / 2)).sum(axis=1)
        return _share(won, ones.sum(axis=1) * zeros.sum(axis=1))

    return weighted


def average_precision(target: Floats, score: Floats) -> Prepared:
    """The mean of the precision at each one, from the highest score down, ties together."""
    by_score = _by_score(target, score)

    def weighted(weights: Weights) -> Floats:
        ones, zeros = by_score(weights)
        found = np.cumsum(ones, axis=1)
        seen = found + np.cumsum(zeros, axis=1)
        precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
        return _share((ones * precision).sum(axis=1), found[:, -1])

    return weighted


def brier_score(target: Floats, score: Floats) -> Prepared:
    """The mean squared difference of probability and outcome (Brier 1950)."""
    return _mean((score - target) ** 2)


def mean_absolute_error(target: Floats, score: Floats) -> Prepared:
    """The mean distance from what came true."""
    return _mean(np.abs(score - target))


def top_decile_share(target: Floats, score: Floats) -> Prepared:
    """The share of the total that the tenth of customers with the highest scores holds.

    Ties are broken against the score: of equals, those who hold least come first.
    """
    best_first = np.lexsort((target, -score))

    def weighted(weights: Weights) -> Floats:
        rows = weights[:, best_first]
        count = np.ceil(rows.sum(axis=1, keepdims=True) * TOP_SHARE)
        before = np.cumsum(rows, axis=1) - rows
        taken = np.clip(count - before, 0.0, rows)
        return _share(taken @ target[best_first], weights @ target)

    return weighted


def log_loss(target: Floats, score: Floats) -> Prepared:
    """The mean surprise at what came true, in nats."""
    said = np.clip(score, _EPSILON, 1 - _EPSILON)
    return _mean(-np.where(target > 0, np.log(said), np.log1p(-said)))


def precision(target: Floats, score: Floats, *, share: float) -> Prepared:
    """Of those who are called, the share of whom it came true."""
    called, true = score >= threshold_for(score, share), target > 0
    return lambda weights: _share(weights @ (called & true), weights @ called.astype(float))


def recall(target: Floats, score: Floats, *, share: float) -> Prepared:
    """Of those of whom it came true, the share that is called."""
    called, true = score >= threshold_for(score, share), target > 0
    return lambda weights: _share(weights @ (called & true), weights @ true.astype(float))


def f1_score(target: Floats, score: Floats, *, share: float) -> Prepared:
    """The harmonic mean of precision and recall."""
    called, true = score >= threshold_for(score, share), target > 0
    both = (called & true).astype(float)
    return lambda weights: _share(2 * (weights @ both), weights @ (called * 1.0 + true))


def accuracy(target: Floats, score: Floats, *, share: float) -> Prepared:
    """The share of customers of whom the call is right, or that there is none."""
    called, true = score >= threshold_for(score, share), target > 0
    return _mean((called == true).astype(float))


def root_mean_squared_error(target: Floats, score: Floats) -> Prepared:
    """The root of the mean squared distance from what came true: large misses count more."""
    squared = _mean((score - target) ** 2)

    def weighted(weights: Weights) -> Floats:
        found: Floats = np.sqrt(squared(weights))
        return found

    return weighted


def total_error(target: Floats, score: Floats) -> Prepared:
    """By what share of the actual total the predicted total is off."""
    ratio = total_ratio(target, score)

    def weighted(weights: Weights) -> Floats:
        found: Floats = np.abs(ratio(weights) - 1)
        return found

    return weighted


def total_ratio(target: Floats, score: Floats) -> Prepared:
    """The predicted total by the actual total."""
    return lambda weights: _share(weights @ score, weights @ target)


def spearman(target: Floats, score: Floats) -> Prepared:
    """The correlation of the ranks, ties sharing theirs (Spearman 1904); 0 where all are equal."""
    ranked = [_ranks(values) for values in (target, score)]

    def weighted(weights: Weights) -> Floats:
        whole = weights.sum(axis=1, keepdims=True)
        ours, theirs = (ranks(weights) - whole / 2 for ranks in ranked)
        product = (weights * ours * theirs).sum(axis=1)
        spread = (weights * ours**2).sum(axis=1) * (weights * theirs**2).sum(axis=1)
        found: Floats = np.zeros_like(product)
        np.divide(product, np.sqrt(spread), out=found, where=spread > 0)
        return found

    return weighted


def class_log_loss(target: Floats, said: Floats) -> Prepared:
    """The mean surprise at the class that came true, in nats.

    Args:
        target: the number of the class that came true.
        said: the probability of each class, by its number: (customers, numbers).
    """
    true = target.astype(np.int64)
    return _mean(-np.log(np.maximum(said[np.arange(len(true)), true], _EPSILON)))


def class_accuracy(target: Floats, said: Floats) -> Prepared:
    """The share of customers whose likeliest class came true; of equals the first is meant."""
    return _mean((said.argmax(axis=1) == target).astype(float))


def macro_f1(target: Floats, said: Floats) -> Prepared:
    """The mean over the classes of the F1 of each: a rare one counts as much as a common one.

    A class that came true of nobody in a sample is left out of it.
    """
    called = said.argmax(axis=1)
    pairs = [(target == number, called == number) for number in np.unique(target)]

    def weighted(weights: Weights) -> Floats:
        scores = np.full((len(pairs), len(weights)), np.nan)
        for row, (true, claimed) in enumerate(pairs):
            cases = weights @ true.astype(float)
            hits = weights @ (true & claimed).astype(float)
            both = cases + weights @ claimed.astype(float)
            np.divide(2 * hits, both, out=scores[row], where=cases > 0)
        found: Floats = np.nanmean(scores, axis=0)
        return found

    return weighted


def _ranks(values: Floats) -> Prepared:
    """The middle of each row's place among all, counted from 0: shape (samples, rows)."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(ordered)) + 1))
    group = np.empty(len(values), dtype=np.int64)
    group[order] = np.cumsum(np.concatenate(([0], np.diff(ordered) != 0)))

    def weighted(weights: Weights) -> Floats:
        counts = np.add.reduceat(weights[:, order], starts, axis=1)
        middles: Floats = np.cumsum(counts, axis=1) - counts / 2
        return middles[:, group]

    return weighted


def _by_score(target: Floats, score: Floats) -> Callable[[Weights], tuple[Weights, Weights]]:
    """How many ones and zeros have each score, the highest score first: (samples, scores)."""
    best_first = np.argsort(-score, kind="stable")
    ones = target[best_first] > 0
    starts = np.concatenate(([0], np.flatnonzero(np.diff(score[best_first])) + 1))

    def counted(weights: Weights) -> tuple[Weights, Weights]:
        rows = weights[:, best_first]
        return (
            np.add.reduceat(rows * ones, starts, axis=1),
            np.add.reduceat(rows * ~ones, starts, axis=1),
        )

    return counted


def _mean(values: Floats) -> Prepared:
    def weighted(weights: Weights) -> Floats:
        found: Floats = weights @ values / weights.sum(axis=1)
        return found

    return weighted


def _share(part: Floats, whole: Floats) -> Floats:
    """``part / whole``, NaN where the whole is nothing."""
    found: Floats = np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
    return found


#: Each with whether higher is better.
_PROBABILITY: dict[str, tuple[Metric, bool]] = {
    "average_precision": (average_precision, True),
    "auc": (area_under_curve, True),
    "brier": (brier_score, False),
    "log_loss": (log_loss, False),
}
_CALLS: dict[str, Callable[..., Prepared]] = {
    "precision": precision,
    "recall": recall,
    "f1": f1_score,
    "accuracy": accuracy,
}
_AMOUNT: dict[str, tuple[Metric, bool]] = {
    "mae": (mean_absolute_error, False),
    "rmse": (root_mean_squared_error, False),
    "spearman": (spearman, True),
    "top_decile_share": (top_decile_share, True),
    "total_error": (total_error, False),
}
_CLASSES: dict[str, tuple[Metric, bool]] = {
    "class_log_loss": (class_log_loss, False),
    "class_accuracy": (class_accuracy, True),
    "macro_f1": (macro_f1, True),
}
