"""Whether the same clusters are found in other customers: judging models without outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from lifecycle_engine.scoring.measures import Floats, Prepared, Weights
from lifecycle_engine.scoring.metrics import Comparison, compared
from lifecycle_engine.sdk.agreement import Labels, adjusted_rand, jaccards
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import Progress

#: Of the customers so many are held out: they are grouped by all fits and learned from by none.
HELD_SHARE, HELD_MOST = 0.3, 5_000


@dataclass(frozen=True)
class Stability:
    """How far the clusterings of held-out customers agree with the first one.

    Attributes:
        comparisons: model beside baseline, the one that decides first.
        held: the features of those who were held out.
        again: how the model and the baseline that were fitted to each resample group them.
    """

    comparisons: dict[str, Comparison]
    held: pd.DataFrame
    again: Sequence[tuple[Labels, Labels]]

    def found_again(self, places: Labels, *, baseline: bool = False) -> dict[int, float]:
        """By place how far the other fits find each cluster of the held-out customers, on average.

        The mean of the largest Jaccard index with a cluster of each (Hennig 2007, who calls what
        is found to 0.75 valid and what is found to less than 0.6 not to be trusted).
        """
        others = [theirs if baseline else ours for ours, theirs in self.again]
        means = np.mean([jaccards(places, one).max(axis=1, initial=0.0) for one in others], axis=0)
        return {int(place): float(means[place]) for place in np.unique(places)}


def stability_measure(
    scorer: ClusterScorer, frame: pd.DataFrame, *, rng: np.random.Generator, progress: Progress
) -> Stability:
    """Choose, fit, and fit again on bootstrap resamples of the customers who are not held out.

    Each resample is drawn with replacement, and the whole fit is done anew on it; model and
    baseline meet the same ones. What is compared is how they group the held-out customers.
    """
    order = rng.permutation(len(frame))
    held_count = min(int(len(frame) * HELD_SHARE), HELD_MOST)
    held, learned = (frame.iloc[np.sort(part)] for part in np.split(order, [held_count]))
    scorer.choose(learned, rng=rng, progress=progress)
    scorer.fit_clusters(learned, rng=rng)
    first = scorer.assign(held), scorer.assign_baseline(held)
    again: list[tuple[Labels, Labels]] = []
    for done in range(scorer.resamples):
        drawn = learned.iloc[rng.integers(len(learned), size=len(learned))]
        # A customer who was drawn twice counts as two.
        drawn = drawn.set_axis(pd.RangeIndex(len(drawn), name="customer_id"))
        scorer.fit_clusters(drawn, rng=rng)
        again.append((scorer.assign(held), scorer.assign_baseline(held)))
        progress(done + 1, scorer.resamples)
    found = {}
    for name, agreement in (("stability", adjusted_rand), ("jaccard", _mean_jaccard)):
        ours, theirs = (
            np.array([agreement(first[side], one[side]) for one in again]) for side in (0, 1)
        )
        found[name] = paired(ours, theirs)
    found["explained"] = _explained(held, *first, rng=rng)
    return Stability(found, held, again)


def paired(ours: Floats, theirs: Floats) -> Comparison:
    """The means of both with Student's 95 % intervals, that of the difference paired by resample.

    The intervals tell of other customers and other seeds beside one first fit.
    """
    difference = ours - theirs
    return Comparison(
        *(float(ours.mean()), float(theirs.mean()), float(difference.mean())),
        *_student(difference),
        True,
        *(min(1.0, one) for one in _student(ours)),
    )


def logged(frame: pd.DataFrame) -> Floats:
    """The features as ±log(1 + |x|): a hundred orders differ from ten as ten do from one."""
    values = frame.to_numpy(np.float64)
    found: Floats = np.sign(values) * np.log1p(np.abs(values))
    return found


def explained(values: Floats, places: Labels) -> Prepared:
    """The share of the features' variance that lies between the clusters, all features alike.

    Args:
        values: (customers, features), no NaN.
        places: the place of each customer's cluster.
    """
    clusters = [np.flatnonzero(places == place) for place in np.unique(places)]

    def weighted(weights: Weights) -> Floats:
        whole = weights.sum(axis=1, keepdims=True)
        mean = weights @ values / whole
        total = weights @ values**2 / whole - mean**2
        between = -(mean**2)
        for rows in clusters:
            inside = weights[:, rows].sum(axis=1, keepdims=True)
            sums = weights[:, rows] @ values[rows]
            between += np.divide(sums**2, inside * whole, out=np.zeros_like(sums), where=inside > 0)
        shares = np.divide(between, total, out=np.zeros_like(total), where=total > 1e-12)
        found: Floats = shares.mean(axis=1)
        return found

    return weighted


def _explained(
    held: pd.DataFrame, ours: Labels, theirs: Labels, *, rng: np.random.Generator
) -> Comparison:
    values = logged(held)
    there = ~np.isnan(values)
    mean = np.where(there, values, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    known = np.where(there, values, mean)

    def metric(_target: Floats, places: Floats) -> Prepared:
        return explained(known, places.astype(np.int64))

    nothing = np.zeros(len(held))
    sides = {"model": ours.astype(float), "baseline": theirs.astype(float)}
    return compared({"explained": (metric, True)}, target=nothing, rng=rng, **sides)["explained"]


def _mean_jaccard(first: Labels, other: Labels) -> float:
    """The mean over the first's clusters of how far each is found again (Hennig 2007)."""
    found = jaccards(first, other).max(axis=1, initial=0.0)
    return float(found[np.unique(first)].mean())


def _student(values: Floats | Sequence[float]) -> tuple[float, float]:
    count, mean = len(values), float(np.mean(values))
    reach = float(stdtrit(count - 1, 0.975) * np.std(values, ddof=1)) / count**0.5
    return mean - reach, mean + reach
