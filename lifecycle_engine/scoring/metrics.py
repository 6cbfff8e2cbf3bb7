"""How good scores are, always beside a baseline, with an interval for the difference.

Intervals are 95 % percentile bootstraps over customers (Efron 1979): both are computed on the same
resamples, so that what is hard about a customer for both cancels out. A resample is how often each
customer was drawn, so a metric is computed for a block of resamples at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.scoring.measures import Floats, Metric, Weights, metrics_for
from lifecycle_engine.sdk.scorers import Output

RESAMPLES = 200
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
        model_low: lower end of the 95 % interval of the model's value; None where unknown.
        model_high: upper end of it.
    """

    model: float
    baseline: float
    difference: float
    low: float
    high: float
    higher_is_better: bool
    model_low: float | None = None
    model_high: float | None = None

    @property
    def better(self) -> bool:
        """Whether the model beats the baseline."""
        return self.difference > 0 if self.higher_is_better else self.difference < 0

    def as_json(self) -> dict[str, Any]:
        """For model cards."""
        return asdict(self) | {"better": self.better}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """From what ``as_json`` gave."""
        return cls(**{one.name: document[one.name] for one in fields(cls)})


def comparisons(
    output: Output,
    *,
    target: Floats,
    model: Floats,
    baseline: Floats,
    rng: np.random.Generator,
    share: float | None = None,
    customers: NDArray[np.int64] | None = None,
) -> dict[str, Comparison]:
    """All metrics for a kind of output; the first is the one that decides.

    Args:
        output: what was predicted.
        target: what came true.
        model: what the model said: one number per customer, or of classes one for each number.
        baseline: what the baseline said.
        rng: draws the resamples.
        share: of probabilities, the share of customers to call (``measures.metrics_for``).
        customers: whose each row is, where one may have several (``resamples``).
    """
    metrics = metrics_for(output, share=share)
    return compared(
        metrics, target=target, model=model, baseline=baseline, rng=rng, customers=customers
    )


def compared(
    metrics: Mapping[str, tuple[Metric, bool]],
    *,
    target: Floats,
    model: Floats,
    baseline: Floats,
    rng: np.random.Generator,
    customers: NDArray[np.int64] | None = None,
) -> dict[str, Comparison]:
    """The given metrics of two sets of scores of the same customers, on the same resamples."""
    ours, theirs = (
        {name: metric(target, score) for name, (metric, _) in metrics.items()}
        for score in (model, baseline)
    )
    drawn: dict[str, list[Floats]] = {name: [] for name in metrics}
    for weights in resamples(target, rng, customers=customers):
        for name in metrics:
            drawn[name].append(np.stack([ours[name](weights), theirs[name](weights)]))
    everybody = np.ones((1, len(target)))
    found = {}
    for name, (_, higher_is_better) in metrics.items():
        value, reference = float(ours[name](everybody)[0]), float(theirs[name](everybody)[0])
        samples = np.concatenate(drawn[name], axis=1)
        low, high = interval(samples[0] - samples[1])
        found[name] = Comparison(
            *(value, reference, value - reference, low, high, higher_is_better),
            *interval(samples[0]),
        )
    return found


def interval(samples: Floats) -> tuple[float, float]:
    """The 95 % percentile interval; a sample in which there is no value is left out."""
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return float(low), float(high)


def resamples(
    target: Floats, rng: np.random.Generator, *, customers: NDArray[np.int64] | None = None
) -> Iterator[Weights]:
    """Blocks of resamples, drawn with replacement, zero and non-zero targets among themselves.

    Otherwise a resample of few rows may hold one class only, for which there is no AUC.

    Args:
        target: what came true.
        rng: draws them.
        customers: whose each row is, where one may have several: they are drawn together, since
            what a customer does on two days is alike (Field & Welsh 2007). By default each has one.
    """
    whose = np.arange(len(target))
    if customers is not None:
        whose = np.unique(customers, return_inverse=True)[1]
    ever = np.zeros(int(whose.max(initial=-1)) + 1, dtype=bool)
    ever[whose[target > 0]] = True
    strata = [drawn for drawn in (np.flatnonzero(ever), np.flatnonzero(~ever)) if len(drawn)]
    height = max(1, _BLOCK // max(len(target), 1))
    for start in range(0, RESAMPLES, height):
        weights = np.zeros((min(height, RESAMPLES - start), len(ever)))
        for sample in weights:
            for stratum in strata:
                drawn = rng.integers(len(stratum), size=len(stratum))
                sample[stratum] = np.bincount(drawn, minlength=len(stratum))
        yield weights[:, whose]


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
        pair = np.stack([ours[:, column], theirs[:, column]])
        value, reference = map(float, pair.mean(axis=1))
        means = np.stack([pair[:, sample].mean(axis=1) for sample in samples], axis=1)
        low, high = interval(means[0] - means[1])
        found[name] = Comparison(
            *(value, reference, value - reference, low, high, True), *interval(means[0])
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
