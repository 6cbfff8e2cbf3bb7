"""Exact Shapley values of boosted trees, for many customers at once.

The values are those of the path-dependent TreeSHAP (Lundberg et al., "From local explanations to
global understanding with explainable AI for trees", Nature Machine Intelligence 2, 2020): a feature
that is not known is averaged over by the number of training rows that went either way. The model
alone is enough for that; the interventional kind would keep rows of customers beside it.

A leaf's answer counts if each feature on its path takes the path, so it is a product over these
features, and Shapley's weights k! (d-1-k)! / d! are the integrals of t^k (1-t)^(d-1-k) over 0 to 1.
So the contribution of feature i to a leaf with d features is, with taken_j either 0 or 1 and
share_j the share of the training rows,

    value (taken_i - share_i) ∫ Π_{j≠i} (t taken_j + (1-t) share_j) dt,

a polynomial of degree d-1, which Gauss-Legendre quadrature with d/2 points integrates exactly.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining.contributions import Contributions

#: Numbers in one array of the computation: 16 MB of them.
_CHUNK = 2_000_000


@dataclass(frozen=True)
class _Step:
    """What one feature has to be for a path to be taken: within bounds, or missing."""

    low: float = -np.inf
    high: float = np.inf
    missing: bool = True
    share: float = 1.0


@dataclass(frozen=True)
class _Leaf:
    value: float
    path: dict[int, _Step]


@dataclass(frozen=True)
class _Leaves:
    """Leaves whose paths have equally many features; all but ``value`` are (features, leaves)."""

    value: NDArray[np.float64]
    feature: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    missing: NDArray[np.bool_]
    share: NDArray[np.float64]


def tree_contributions(
    estimator: Any, frame: pd.DataFrame, *, last: float | None = None, of: int | None = None
) -> Contributions:
    """Exact contributions to what histogram gradient boosting adds up, before its link function.

    Args:
        estimator: a fitted ``HistGradientBoostingRegressor`` or ``HistGradientBoostingClassifier``
            of scikit-learn over numbers.
        frame: the customers, with the features in the order of the training.
        last: what one more feature, the training's last, is for everybody. It is known from the
            start, also of an average customer, and so adds nothing by itself.
        of: of several classes the place of the one whose margin is explained: what its trees add up
            before the softmax. Margins mean something beside one another alone.

    Raises:
        TypeError: the estimator is another, has several classes and none is named, or splits by
            category.
    """
    nodes, start = _trees(estimator, of)
    leaves = [leaf for tree in nodes for leaf in _leaves(tree)]
    if last is not None:
        leaves = [*_known(leaves, frame.shape[1], last)]
    base = start + sum(
        leaf.value * float(np.prod([step.share for step in leaf.path.values()])) for leaf in leaves
    )
    values = np.zeros(frame.shape)
    given = frame.to_numpy(np.float64)
    for group in _grouped(leaves):
        size = max(1, _CHUNK // group.feature.size)
        for first in range(0, len(given), size):
            rows = slice(first, first + size)
            values[rows] += _contributions(group, given[rows])
    return Contributions(pd.DataFrame(values, index=frame.index, columns=frame.columns), base)


def _trees(estimator: Any, of: int | None) -> tuple[list[NDArray[Any]], float]:
    """Each tree's nodes, and where the sum over the trees starts."""
    predictors = getattr(estimator, "_predictors", None)
    if predictors is None:
        raise TypeError(f"{type(estimator).__name__} is no fitted histogram gradient boosting")
    if of is None and any(len(of_classes) != 1 for of_classes in predictors):
        raise TypeError("Contributions to several classes at once are not known")
    nodes = [of_classes[of or 0].nodes for of_classes in predictors]
    if any(tree["is_categorical"].any() for tree in nodes):
        raise TypeError("Contributions through splits by category are not known: give numbers")
    # scikit-learn shows neither this nor the trees in another way.
    return nodes, float(np.ravel(estimator._baseline_prediction)[of or 0])  # noqa: SLF001


def _leaves(nodes: NDArray[Any]) -> Iterator[_Leaf]:
    columns = ("value", "count", "feature_idx", "num_threshold", "missing_go_to_left")
    value, count, feature, threshold, missing = (nodes[name].tolist() for name in columns)
    left, right, is_leaf = (nodes[name].tolist() for name in ("left", "right", "is_leaf"))
    ahead: list[tuple[int, dict[int, _Step]]] = [(0, {})]
    while ahead:
        node, path = ahead.pop()
        if is_leaf[node]:
            yield _Leaf(value[node], path)
            continue
        step = path.get(feature[node], _Step())
        for child, goes_left in ((left[node], True), (right[node], False)):
            edge = threshold[node]
            taken = _Step(
                low=step.low if goes_left else max(step.low, edge),
                high=min(step.high, edge) if goes_left else step.high,
                missing=step.missing and bool(missing[node]) == goes_left,
                share=step.share * count[child] / count[node],
            )
            ahead.append((child, path | {feature[node]: taken}))


def _known(leaves: list[_Leaf], feature: int, value: float) -> Iterator[_Leaf]:
    """The leaves that can still be reached once a feature is known, by the rest of their paths."""
    for leaf in leaves:
        step = leaf.path.get(feature)
        if step is None:
            yield leaf
        elif step.low < value <= step.high:
            rest = {other: one for other, one in leaf.path.items() if other != feature}
            yield _Leaf(leaf.value, rest)


def _grouped(leaves: list[_Leaf]) -> Iterator[_Leaves]:
    by_length = defaultdict(list)
    for leaf in leaves:
        by_length[len(leaf.path)].append(leaf)
    by_length.pop(0, None)  # A tree that is nothing but a leaf asks for no feature.
    for length in sorted(by_length):
        alike = by_length[length]
        steps = [list(leaf.path.values()) for leaf in alike]
        low, high, missing, share = (
            np.array([[getattr(step, name) for step in path] for path in steps]).T
            for name in ("low", "high", "missing", "share")
        )
        yield _Leaves(
            value=np.array([leaf.value for leaf in alike]),
            feature=np.array([list(leaf.path) for leaf in alike]).T,
            low=low,
            high=high,
            missing=missing.astype(bool),
            share=share,
        )


def _contributions(leaves: _Leaves, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contributions (customers, features) to leaves of equal length."""
    length, _ = leaves.feature.shape
    taken = [_taken(leaves, given, j) for j in range(length)]
    within = [np.zeros_like(taken[0]) for _ in range(length)]
    points, weights = np.polynomial.legendre.leggauss((length + 1) // 2)
    for t, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factors = [t * taken[j] + (1 - t) * leaves.share[j] for j in range(length)]
        for i, others in enumerate(_products_of_others(factors)):
            within[i] += weight * others
    found = np.zeros_like(given)
    columns = np.arange(given.shape[1])
    for i in range(length):
        each = leaves.value * (taken[i] - leaves.share[i]) * within[i]
        found += each @ (leaves.feature[i][:, None] == columns).astype(float)
    return found


def _taken(leaves: _Leaves, given: NDArray[np.float64], j: int) -> NDArray[np.float64]:
    """Whether the j-th feature of each leaf leads to it, as 0 or 1, (customers, leaves)."""
    value = given[:, leaves.feature[j]]
    within = (value > leaves.low[j]) & (value <= leaves.high[j])
    found: NDArray[np.float64] = np.where(np.isnan(value), leaves.missing[j], within).astype(float)
    return found


def _products_of_others(factors: list[NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
    """For each factor the product of all the others; no division, since a factor may be 0."""
    after = [np.ones_like(factors[0])]
    for factor in reversed(factors[1:]):
        after.append(after[-1] * factor)
    before = np.ones_like(factors[0])
    for factor, behind in zip(factors, reversed(after), strict=True):
        yield before * behind
        before = before * factor
