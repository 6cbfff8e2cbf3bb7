"""What classifiers share in ``fit``: slices of time, honest probabilities, rare outcomes.

NumPy only, so that a stored curve is applied without loading a model library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining import Contributions

Floats: TypeAlias = NDArray[np.float64]
Method: TypeAlias = Literal["platt", "isotonic"]
ModelT = TypeVar("ModelT")

#: A calibration is kept where it lowers the Brier score by at least this share; less is noise.
GAIN_LEAST = 0.01
#: Curves are found on one of so many cut-off dates, the newest.
_NEWEST_OF = 8

#: Settings of scikit-learn's histogram boosting for customers who repeat over cut-off dates: many
#: shallow trees, slowly, of leaves with many rows. Found on The Complete Journey.
SHALLOW_TREES: Mapping[str, Any] = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 60,
    "l2_regularization": 5.0,
    "early_stopping": False,
}

_EPSILON = 1e-6
_STEPS_MOST = 100


@dataclass(frozen=True)
class Calibration:
    """A curve from what a model says to how often it comes true; without points, as it is.

    Attributes:
        method: how it was found; empty for none.
        at: what the model says, ascending: log-odds for Platt's curve, probabilities otherwise.
        gives: the calibrated log-odds or probability at each; straight in between.
    """

    method: Method | Literal[""] = ""
    at: tuple[float, ...] = ()
    gives: tuple[float, ...] = ()

    @classmethod
    def fit(cls, method: Method, probability: Floats, target: Floats) -> Calibration:
        """Find the curve, on rows that the model has not learned from.

        Args:
            method: ``"platt"``, a logistic curve over the log-odds (Platt 1999, with his smoothed
                targets), for few rows; ``"isotonic"``, any rising curve (Zadrozny & Elkan 2002),
                for a thousand and more.
            probability: what the model says.
            target: 0 or 1.
        """
        if method == "platt":
            slope, intercept = _platt(log_odds(probability), target)
            return cls("platt", (0.0, 1.0), (intercept, intercept + slope))
        at, gives = _isotonic(probability, target)
        # Nothing is certain: the ends of the curve stay off 0 and 1 by what their rows can show.
        margin = 1.0 / (len(target) + 2)
        return cls("isotonic", tuple(at), tuple(np.clip(gives, margin, 1 - margin).tolist()))

    def apply(self, probability: Floats) -> Floats:
        """The calibrated probabilities."""
        if not self.method:
            return probability
        if self.method == "isotonic":
            found: Floats = np.interp(probability, self.at, self.gives)
            return found
        intercept, top = self.gives
        odds = (top - intercept) * log_odds(probability) + intercept
        curve: Floats = 1.0 / (1.0 + np.exp(-np.clip(odds, -40, 40)))
        return curve

    def explain(self, contributions: Contributions) -> Contributions:
        """Contributions to the calibrated log-odds; a curve that is no line keeps the order."""
        if self.method != "platt":
            return contributions
        intercept, top = self.gives
        return contributions.scaled(top - intercept, intercept)

    def as_params(self) -> dict[str, Any]:
        """For ``ModelState.params``."""
        return {"method": self.method, "at": list(self.at), "gives": list(self.gives)}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Calibration:
        """From what ``as_params`` gave."""
        return cls(params["method"], tuple(params["at"]), tuple(params["gives"]))


@dataclass(frozen=True)
class Calibrated(Generic[ModelT]):
    """A model, and the curves that were found on rows it has not learned from."""

    model: ModelT
    curves: Mapping[str, Calibration]


def calibrated_fit(
    fit: Callable[[pd.DataFrame, pd.Series[float]], ModelT],
    predict: Callable[[ModelT, pd.DataFrame], Floats],
    *,
    frame: pd.DataFrame,
    target: pd.Series[float],
    horizon_days: float,
    methods: Sequence[Method],
) -> Calibrated[ModelT]:
    """Fit on the older cut-off dates, and find the curves on the newest (``slices_apart``).

    Without methods, or where the older ones don't suffice, it is fitted on everything and has no
    curve.

    Args:
        fit: learns from rows.
        predict: the probabilities that a model gives rows.
        frame: rows of several cut-off dates, with the index (``cutoff``, ``customer_id``).
        target: 0 or 1.
        horizon_days: how far outcomes reach: the two slices keep so many days apart.
        methods: which curves to find.
    """
    older, newest = slices_apart(frame, horizon_days=horizon_days)
    if not methods or not _both(target[older]) or not _both(target[newest]):
        return Calibrated(fit(frame, target), {})
    model = fit(frame[older], target[older])
    said, truth = predict(model, frame[newest]), target[newest].to_numpy(np.float64)
    return Calibrated(model, {name: Calibration.fit(name, said, truth) for name in methods})


@dataclass(frozen=True)
class Chosen(Generic[ModelT]):
    """A model and the calibration that it is used with.

    Attributes:
        model: what was fitted.
        calibration: the curve.
        brier: the Brier score with each curve on the window for choices; empty without one.
    """

    model: ModelT
    calibration: Calibration
    brier: Mapping[str, float]


def calibrated_choice(
    fit: Callable[[pd.DataFrame, pd.Series[float]], ModelT],
    predict: Callable[[ModelT, pd.DataFrame], Floats],
    *,
    frame: pd.DataFrame,
    target: pd.Series[float],
    validation: tuple[pd.DataFrame, pd.Series[float]] | None,
    horizon_days: float,
    methods: Sequence[Method],
    kept: Method | Literal[""],
) -> Chosen[ModelT]:
    """Fit one model; with ``validation`` choose its calibration there, else keep the one chosen.

    For ``Scorer.fit`` of a scorer with one model; the arguments are as in ``calibrated_fit``.

    Args:
        fit: learns from rows.
        predict: the probabilities that a model gives rows.
        frame: rows of several cut-off dates.
        target: 0 or 1.
        validation: the window for choices, if this fit is to make one.
        horizon_days: how far outcomes reach.
        methods: which calibrations may be chosen.
        kept: the method that was chosen before; empty for none.
    """
    wanted: Sequence[Method] = methods if validation else (kept,) if kept else ()
    found = calibrated_fit(
        *(fit, predict), frame=frame, target=target, horizon_days=horizon_days, methods=wanted
    )
    if validation is None:
        return Chosen(found.model, found.curves.get(kept, Calibration()), {})
    rows, truth = validation
    said = predict(found.model, rows)
    curve, brier = calibration_choose(
        found.curves, probability=said, target=truth.to_numpy(np.float64)
    )
    return Chosen(found.model, curve, brier)


def slices_apart(
    frame: pd.DataFrame, *, horizon_days: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are old enough to learn from, and which are of the newest cut-off dates.

    The newest are one of eight, at least one. Between them and the others lie ``horizon_days``, so
    that no outcome that was learned from reaches into the newest slice; rows in between belong to
    neither.
    """
    cutoff = frame.index.get_level_values("cutoff")
    dates = cutoff.unique().sort_values(ascending=False)
    first = dates[max(1, len(dates) // _NEWEST_OF) - 1]
    older = cutoff <= first - timedelta(days=horizon_days)
    return np.asarray(older), np.asarray(cutoff >= first)


def calibration_choose(
    curves: Mapping[str, Calibration], *, probability: Floats, target: Floats
) -> tuple[Calibration, dict[str, float]]:
    """The curve that helps most on rows that neither model nor curve has seen; none if none does.

    Returns:
        The curve, and the Brier score with each, ``"none"`` being that of the model alone.
    """
    tried = {"none": Calibration(), **curves}
    brier = {
        name: float(np.mean((curve.apply(probability) - target) ** 2))
        for name, curve in tried.items()
    }
    best = min(brier, key=lambda name: brier[name])
    worth = brier[best] < brier["none"] * (1 - GAIN_LEAST)
    return tried[best if worth else "none"], brier


def tree_values(frame: pd.DataFrame) -> Floats:
    """Features as histogram boosting learns from them: (rows, features), NaN where unknown.

    A feature of which nothing is known of anybody, as of coupons in a shop that has none, is 0:
    scikit-learn fails at a column without values, and one that never changes splits nothing.
    """
    values: Floats = frame.to_numpy(np.float64, copy=True)
    values[:, np.isnan(values).all(axis=0)] = 0.0
    return values


def balanced_weights(target: pd.Series[float], *, most: float = 20.0) -> Floats:
    """A weight for each row, with which zeros and ones count as much; the mean is 1.

    A model that is fitted with them overstates what is rare, so it has to be calibrated.

    Args:
        target: 0 or 1.
        most: no row counts more than so many times another.
    """
    ones = target.to_numpy(np.float64) > 0
    share = float(ones.mean())
    if share in (0.0, 1.0):
        return np.ones(len(ones))
    ratio = float(np.clip((1 - share) / share, 1 / most, most))
    weights = np.where(ones, ratio, 1.0)
    return weights / float(weights.mean())


def _both(target: pd.Series[float]) -> bool:
    return bool(target.nunique() > 1)


def log_odds(probability: Floats) -> Floats:
    """The log-odds of probabilities, of which none counts as certain."""
    clipped = np.clip(probability, _EPSILON, 1 - _EPSILON)
    found: Floats = np.log(clipped / (1 - clipped))
    return found


def _platt(odds: Floats, target: Floats) -> tuple[float, float]:
    """Slope and intercept by Newton's method, which converges since the loss is convex."""
    ones = float(target.sum())
    high, low = (ones + 1) / (ones + 2), 1 / (len(target) - ones + 2)
    wanted = np.where(target > 0, high, low)
    columns = np.column_stack([odds, np.ones_like(odds)])

    def loss(at: Floats) -> float:
        z = columns @ at
        return float((np.logaddexp(0, z) - wanted * z).sum())

    found = np.array([1.0, 0.0])
    for _ in range(_STEPS_MOST):
        said = 1 / (1 + np.exp(-np.clip(columns @ found, -40, 40)))
        slope = columns.T @ (said - wanted)
        bend = (columns * (said * (1 - said))[:, None]).T @ columns + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        while loss(found - step) > loss(found) and np.abs(step).max() > _EPSILON:
            step = step / 2
        found = found - step
        if np.abs(step).max() <= _EPSILON:
            break
    return float(found[0]), float(found[1])


def _isotonic(probability: Floats, target: Floats) -> tuple[list[float], list[float]]:
    """The rising steps closest to the targets, by pooling neighbours (Ayer et al. 1955)."""
    at, place = np.unique(probability, return_inverse=True)
    count = np.bincount(place).astype(float)
    mean = np.bincount(place, weights=target) / count
    blocks: list[list[float]] = []  # Value, weight, first and last place.
    for index in range(len(at)):
        blocks.append([mean[index], count[index], index, index])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            value, weight, _, last = blocks.pop()
            before = blocks[-1]
            whole = before[1] + weight
            before[0] = (before[0] * before[1] + value * weight) / whole
            before[1], before[3] = whole, last
    ends = [(at[int(i)], block[0]) for block in blocks for i in sorted({block[2], block[3]})]
    return [float(x) for x, _ in ends], [float(y) for _, y in ends]
