"""A tabular model's card: everything that is measured on the window that judges it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lifecycle_engine.scoring.cards.confusion import confusion
from lifecycle_engine.scoring.cards.curves import curves
from lifecycle_engine.scoring.cards.drift import features_drift
from lifecycle_engine.scoring.cards.importance import feature_importance
from lifecycle_engine.scoring.cards.slices import customer_groups, slices, worst
from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.scoring.measures import (
    Floats,
    metrics_for,
    threshold_for,
    total_ratio,
)
from lifecycle_engine.scoring.metrics import Comparison, compared, comparisons
from lifecycle_engine.scoring.promises import said_checked
from lifecycle_engine.sdk.scorers import Classes, Output, Probability, Scorer


@dataclass(frozen=True)
class Judged:
    """What a model and its baseline said of the windows that judge, and what came true."""

    part: LabelledFrame
    model: Floats
    baseline: Floats

    @classmethod
    def of(cls, scorer: Scorer, part: LabelledFrame) -> Self:
        """Ask a scorer that has not seen the window.

        Raises:
            ScorerOutputError: the scorer broke a promise.
        """
        return cls(
            part,
            said_checked(scorer, part.frame),
            said_checked(scorer, part.frame, baseline=True),
        )

    @property
    def began(self) -> datetime:
        """The model has seen nothing from then on."""
        return self.part.cutoffs[0]

    def beside(self, scorer: Scorer, *, seed: int) -> Comparison:
        """The metric that decides, of this model beside another that has not seen it either.

        Raises:
            ScorerOutputError: the other one broke a promise.
        """
        other = replace(self, baseline=said_checked(scorer, self.part.frame))
        return other.decisive(scorer.output, seed=seed)

    def decisive(self, output: Output, *, seed: int) -> Comparison:
        """The metric that decides, of the model beside the baseline."""
        name, metric = next(iter(metrics_for(output).items()))
        return compared(
            {name: metric},
            target=self.target,
            model=self.model,
            baseline=self.baseline,
            rng=np.random.default_rng(seed),
            customers=self.customers,
        )[name]

    @property
    def customers(self) -> NDArray[np.int64]:
        """Whose each row is: with several windows a customer has several."""
        found: NDArray[np.int64] = self.part.frame.index.get_level_values("customer_id").to_numpy()
        return found

    @property
    def target(self) -> Floats:
        """What came true."""
        found: Floats = self.part.target.to_numpy(np.float64)
        return found


@dataclass(frozen=True)
class Quality:
    """The metrics, the one that decides first, and the parts of the card that say more."""

    comparisons: dict[str, Comparison]
    validation: dict[str, Any]
    more: dict[str, Any]


def quality(
    scorer: Scorer, judged: Judged, *, learned: LabelledFrame, seed: int, details: bool = True
) -> Quality:
    """Measure a model that has learned from ``learned`` on a window that it has not seen.

    Args:
        scorer: the model.
        judged: what it said of the window.
        learned: what it has learned from.
        seed: of the resamples.
        details: whether to measure more than the metrics.
    """
    output, target = scorer.output, judged.target
    share = float(learned.target.mean()) if isinstance(output, Probability) else None
    found = comparisons(output, **_said(judged), rng=np.random.default_rng(seed), share=share)
    everybody = np.ones((1, len(target)))
    validation = window(scorer, judged.part) | {
        "metrics": {name: one.as_json() for name, one in found.items()},
    }
    if isinstance(output, Classes):
        more = _details(scorer, judged, learned=learned, seed=seed) if details else {}
        return Quality(found, validation, more)
    validation |= {
        "total_ratio": float(total_ratio(target, judged.model)(everybody)[0]),
        "baseline_total_ratio": float(total_ratio(target, judged.baseline)(everybody)[0]),
        "threshold": None
        if share is None
        else {
            "share": share,
            "model": threshold_for(judged.model, share),
            "baseline": threshold_for(judged.baseline, share),
        },
    }
    more = _details(scorer, judged, learned=learned, seed=seed) if details else {}
    return Quality(found, validation, more)


def _details(
    scorer: Scorer, judged: Judged, *, learned: LabelledFrame, seed: int
) -> dict[str, Any]:
    def rng() -> np.random.Generator:
        return np.random.default_rng(seed)

    groups = customer_groups(as_of=judged.began, customer_ids=judged.customers)
    output = scorer.output
    by_group = slices(output, groups, **_said(judged), rng=rng())
    if isinstance(output, Classes):
        said = {"confusion": confusion(target=judged.target, said=judged.model)}
    else:
        said = {"curves": curves(output, **_said(judged), rng=rng())}
    return said | {
        "importance": feature_importance(
            output,
            lambda frame: said_checked(scorer, frame),
            frame=judged.part.frame,
            target=judged.target,
            rng=rng(),
            groups=scorer.feature_groups(),
        ),
        "slices": by_group,
        "worst_slice": worst(by_group),
        "drift": features_drift(
            learned=learned.frame, newest=judged.part.frame, names=single_features(scorer)
        ),
    }


def _said(judged: Judged) -> dict[str, Any]:
    both = {"model": judged.model, "baseline": judged.baseline}
    return both | {"target": judged.target, "customers": judged.customers}


def single_features(scorer: Scorer) -> list[str]:
    """The features that are one column; a sequence's steps say little, each by itself."""
    return [name for name, columns in scorer.feature_groups().items() if columns == (name,)]


def window(scorer: Scorer, part: LabelledFrame) -> dict[str, Any]:
    """A stretch of windows as cards tell it: when, how many rows, and what came true on average."""
    cutoffs = part.cutoffs
    found = {
        "from": cutoffs[0].isoformat(),
        "until": (cutoffs[-1] + timedelta(days=scorer.horizon_days)).isoformat(),
        "windows": len(cutoffs),
        "customers": part.target.index.get_level_values("customer_id").nunique(),
        "rows": len(part.frame),
    }
    if isinstance(scorer.output, Classes):
        shares = part.target.value_counts(normalize=True).sort_index()
        return found | {"shares": {str(int(one)): float(share) for one, share in shares.items()}}
    return found | {"target_mean": float(part.target.mean())}
