"""How good scores are, always beside a baseline, with an interval for the difference.

Intervals are 95 % percentile bootstraps over customers (Efron 1979): both are computed on the same
resamples, so that what is hard about a customer for both cancels out.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    mean_absolute_error,
    roc_auc_score,
)

from lifecycle_engine.sdk.scorers import Amount, Probability

Floats: TypeAlias = NDArray[np.float64]

RESAMPLES = 200
TOP_SHARE = 0.1


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


def top_decile_share(target: Floats, score: Floats) -> float:
    """The share of the total that the tenth of customers with the highest scores holds.

    Ties are broken against the score: of equals, those who hold least come first.
    """
    total = target.sum()
    if total <= 0:
        return float("nan")
    best_first = np.lexsort((target, -score))
    count = int(np.ceil(len(target) * TOP_SHARE))
    return float(target[best_first[:count]].sum() / total)


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
    samples = [_resample(target, rng) for _ in range(RESAMPLES)]
    # Checking the same numbers hundreds of times takes longer than counting with them.
    with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
        return {
            name: _compare(metric, higher, target, model, baseline, samples)
            for name, (metric, higher) in metrics.items()
        }


def _compare(
    metric: Callable[[Floats, Floats], float],
    higher_is_better: bool,
    target: Floats,
    model: Floats,
    baseline: Floats,
    samples: list[NDArray[np.int64]],
) -> Comparison:
    differences = [metric(target[s], model[s]) - metric(target[s], baseline[s]) for s in samples]
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    ours, theirs = float(metric(target, model)), float(metric(target, baseline))
    return Comparison(ours, theirs, ours - theirs, float(low), float(high), higher_is_better)


def _resample(target: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers drawn with replacement, zero and non-zero targets each among themselves.

    Otherwise a resample of few rows may hold one class only, for which there is no AUC.
    """
    strata = (np.flatnonzero(target > 0), np.flatnonzero(target <= 0))
    return np.concatenate([rng.choice(rows, size=len(rows)) for rows in strata if len(rows)])


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


_PROBABILITY: dict[str, tuple[Callable[[Floats, Floats], float], bool]] = {
    "average_precision": (average_precision_score, True),
    "auc": (roc_auc_score, True),
    "brier": (brier_score_loss, False),
}
_AMOUNT: dict[str, tuple[Callable[[Floats, Floats], float], bool]] = {
    "mae": (mean_absolute_error, False),
    "top_decile_share": (top_decile_share, True),
}
