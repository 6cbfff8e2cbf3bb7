"""How good scores are, always beside a baseline, with an interval for the difference.

Intervals are 95 % percentile bootstraps over customers (Efron 1979): both are computed on the same
resamples, so that what is hard about a customer for both cancels out. A resample is how often each
customer was drawn, so a metric is computed for a block of resamples at once; scikit-learn's, which
the tests hold these to, take one at a time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.scorers import Amount, Probability

Floats: TypeAlias = NDArray[np.float64]
#: How often each row counts, in each of many samples: shape (samples, rows).
Weights: TypeAlias = NDArray[np.float64]
#: A metric that knows its targets and scores: gives one value per sample.
Prepared: TypeAlias = Callable[[Weights], Floats]

RESAMPLES = 200
TOP_SHARE = 0.1
#: Numbers in one block of weights: 16 MB.
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Comparison:
    """One metric of a model beside its baseline.

    Attributes:
        model: the model's value.
        baseline: the baseline's value.
        difference: model minus baseline.
        low: lower end of the difference's 95 % interval.
        high: upper end of it.
        higher_is_better: which way is up.
    """

    model: float
    baseline: float
    difference: float
    low: float
    high: float
    higher_is_better: bool

    @property
    def better(self) -> bool:
        """Whether the model beats the baseline."""
        return self.difference > 0 if self.higher_is_better else self.difference < 0

    def as_json(self) -> dict[str, Any]:
        """For model cards."""
        return asdict(self) | {"better": self.better}


def comparisons(
    output: Probability | Amount,
    *,
    target: Floats,
    model: Floats,
    baseline: Floats,
    rng: np.random.Generator,
) -> dict[str, Comparison]:
    """All metrics for a kind of output; the first is the one that decides.

    Args:
        output: probabilities are judged by AUC, average precision and Brier score, amounts by mean
            absolute error and the share of the total that the top decile holds.
        target: what came true.
        model: what the model said, one number per customer.
        baseline: what the baseline said.
        rng: draws the resamples.
    """
    metrics = _PROBABILITY if isinstance(output, Probability) else _AMOUNT
    ours, theirs = (
        {name: metric(target, score) for name, (metric, _) in metrics.items()}
        for score in (model, baseline)
    )
    differences: dict[str, list[Floats]] = {name: [] for name in metrics}
    for weights in _resamples(target, rng):
        for name in metrics:
            differences[name].append(ours[name](weights) - theirs[name](weights))
    everybody = np.ones((1, len(target)))
    found = {}
    for name, (_, higher_is_better) in metrics.items():
        value, reference = float(ours[name](everybody)[0]), float(theirs[name](everybody)[0])
        low, high = np.nanpercentile(np.concatenate(differences[name]), [2.5, 97.5])
        found[name] = Comparison(
            value, reference, value - reference, float(low), float(high), higher_is_better
        )
    return found


def _resamples(target: Floats, rng: np.random.Generator) -> Iterator[Weights]:
    """Blocks of resamples, drawn with replacement, zero and non-zero targets among themselves.

    Otherwise a resample of few rows may hold one class only, for which there is no AUC.
    """
    strata = [
        rows for rows in (np.flatnonzero(target > 0), np.flatnonzero(target <= 0)) if len(rows)
    ]
    height = max(1, _BLOCK // max(len(target), 1))
    for start in range(0, RESAMPLES, height):
        weights = np.zeros((min(height, RESAMPLES - start), len(target)))
        for sample in weights:
            for rows in strata:
                drawn = rng.integers(len(rows), size=len(rows))
                sample[rows] = np.bincount(drawn, minlength=len(rows))
        yield weights


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


def ranking_comparisons(
    *,
    bought: Mapping[int, set[str]],
    model: pd.DataFrame,
    baseline: pd.DataFrame,
    k: int,
    rng: np.random.Generator,
) -> dict[str, Comparison]:
    """Hit rate and NDCG at ``k`` of two rankings, over everybody who bought something.

    Args:
        bought: what each customer bought; the whole catalogue was there to be recommended.
        model: the model's ranking, with the columns of ``RANKING_COLUMNS``.
        baseline: the baseline's.
        k: how many places count.
        rng: draws the resamples.
    """
    ours, theirs = (ranking_gains(bought=bought, ranking=r, k=k) for r in (model, baseline))
    everybody = np.arange(len(bought))
    samples = [rng.choice(everybody, size=len(everybody)) for _ in range(RESAMPLES)]
    found = {}
    for column, name in ((1, f"ndcg_at_{k}"), (0, f"hit_rate_at_{k}")):
        difference = ours[:, column] - theirs[:, column]
        low, high = np.percentile([difference[s].mean() for s in samples], [2.5, 97.5])
        found[name] = Comparison(
            float(ours[:, column].mean()),
            float(theirs[:, column].mean()),
            float(difference.mean()),
            float(low),
            float(high),
            higher_is_better=True,
        )
    return found


def ranking_gains(*, bought: Mapping[int, set[str]], ranking: pd.DataFrame, k: int) -> Floats:
    """Per customer, whether one of the first ``k`` was bought, and the NDCG with binary gains.

    Rows are in the order of ``bought``. Among products with one score those not bought come first,
    so that a model that can't tell products apart gains nothing by it (Järvelin & Kekäläinen 2002
    for the discount, Krichene & Rendle 2020 for ranking all products).
    """
    places = pd.DataFrame(
        {"customer_id": ranking["customer_id"], "rank": ranking["rank"], "score": ranking["score"]}
    )
    places["hit"] = [
        sku in bought.get(customer, ())
        for customer, sku in zip(ranking["customer_id"], ranking["sku"], strict=True)
    ]
    places = places.sort_values(["customer_id", "score", "hit"], ascending=[True, False, True])
    places["place"] = places.groupby("customer_id").cumcount()
    places = places[(places["place"] < k) & places["hit"]]
    places["gain"] = 1 / np.log2(places["place"] + 2.0)
    gains = places.groupby("customer_id")["gain"].sum().reindex(list(bought), fill_value=0.0)
    ideal = np.cumsum(1 / np.log2(np.arange(k) + 2.0))
    best = ideal[[min(len(products), k) - 1 for products in bought.values()]]
    return np.column_stack([(gains > 0).to_numpy(float), gains.to_numpy(float) / best])


_Metric: TypeAlias = Callable[[Floats, Floats], Prepared]
#: Each with whether higher is better.
_PROBABILITY: dict[str, tuple[_Metric, bool]] = {
    "average_precision": (average_precision, True),
    "auc": (area_under_curve, True),
    "brier": (brier_score, False),
}
_AMOUNT: dict[str, tuple[_Metric, bool]] = {
    "mae": (mean_absolute_error, False),
    "top_decile_share": (top_decile_share, True),
}
