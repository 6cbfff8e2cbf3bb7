"""Ranking customers by how much they look like the seeds, nobody by a model that has seen them.

Only the seeds are known to be what is looked for; the others are unlabelled, not negative. A
classifier of seeds against unlabelled customers ranks by a constant times the probability of being
what the seeds are, if the seeds were drawn from these at random (C. Elkan and K. Noto, "Learning
Classifiers from Only Positive and Unlabeled Data", KDD 2008, lemma 1). So its ranking is right
although its probabilities are too small.

Seeds and others are dealt into folds at random. Each fold is ranked by a model that learned from
the other folds only, so that of everybody, seed or not, the place is one that a stranger would get;
what is measured on held-out seeds is then true of the very ranking that is used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

Floats: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float32]
Flags: TypeAlias = NDArray[np.bool_]

FOLDS = 5
#: Small trees, enough of them for two features that only count together.
TREES = 40
#: Rows that a model learns from at most: more take time and memory, and don't change the ranking.
SEEDS_AT_MOST = 50_000
OTHERS_AT_MOST = 200_000
#: Others for each seed, and at least. Many more would only make the seeds rare, and weights against
#: that make scikit-learn's bins slow.
OTHERS_A_SEED, OTHERS_AT_LEAST = 5, 2_000
#: Rows predicted at a time.
BATCH = 100_000

#: Recency, frequency and monetary value, of which the simple ranking is made (A. M. Hughes,
#: "Strategic Database Marketing", 1994).
SIMPLE = ("recency_days", "orders_total", "revenue_total")


@dataclass(frozen=True)
class Places:
    """Everybody's place, in the order of the rows: above 0 is the best, below 1 the last.

    Attributes:
        model: by the cross-fitted models.
        simple: by recency, frequency and monetary value; None where these are left out.
    """

    model: Floats
    simple: Floats | None


def places_find(
    matrix: Matrix,
    *,
    names: list[str],
    seeds: Flags,
    rng: np.random.Generator,
    progress: Callable[[int, int], None],
) -> Places:
    """Rank everybody.

    Args:
        matrix: a row per customer, a column per feature; NaN where a customer has none.
        names: of the columns.
        seeds: who is a seed.
        rng: deals the folds, draws the samples, breaks ties.
        progress: told how many folds are done, of how many.
    """
    folds = _folds(seeds, rng)
    simple_ranks = _simple_ranks(matrix, names)
    model, simple = np.empty(len(seeds)), np.empty(len(seeds))
    for fold in range(FOLDS):
        held = np.flatnonzero(folds == fold)
        learned = folds != fold
        model[held] = _places(_scores(matrix, seeds, learned, held, rng), rng)
        if simple_ranks is not None:
            turned = _turned(simple_ranks, seeds, learned)
            simple[held] = _places(simple_ranks[held] @ turned, rng)
        progress(fold + 1, FOLDS)
    # Folds are alike, so equal places in them are ties; once more, to have each place once.
    return Places(
        model=_places(-model, rng),
        simple=None if simple_ranks is None else _places(-simple, rng),
    )


def _folds(seeds: Flags, rng: np.random.Generator) -> NDArray[np.int8]:
    folds = np.empty(len(seeds), dtype=np.int8)
    for rows in (np.flatnonzero(seeds), np.flatnonzero(~seeds)):
        folds[rng.permutation(rows)] = np.arange(len(rows)) % FOLDS
    return folds


def _scores(
    matrix: Matrix, seeds: Flags, learned: Flags, held: NDArray[np.int64], rng: np.random.Generator
) -> Floats:
    """What a model that learned from a sample of the learned rows says of the held ones."""
    ours = sample(np.flatnonzero(learned & seeds), SEEDS_AT_MOST, rng)
    wanted = min(OTHERS_AT_MOST, max(OTHERS_AT_LEAST, OTHERS_A_SEED * len(ours)))
    others = sample(np.flatnonzero(learned & ~seeds), wanted, rng)
    rows = np.concatenate([ours, others])
    # What none of them has, scikit-learn refuses; such as clicks in a shop that sends no e-mail.
    known = np.flatnonzero(~np.isnan(matrix[rows]).all(axis=0))
    if not len(known):
        return np.zeros(len(held))
    model = _model(int(rng.integers(2**31))).fit(matrix[np.ix_(rows, known)], seeds[rows])
    parts = [
        model.decision_function(matrix[np.ix_(held[start : start + BATCH], known)])
        for start in range(0, len(held), BATCH)
    ]
    return np.concatenate(parts)


def _model(seed: int) -> "HistGradientBoostingClassifier":
    # Every worker loads this app, few train: scikit-learn loads where it is used.
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

    return HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=1.0,
        max_features=0.5,
        early_stopping=False,
        random_state=seed,
    )


def _simple_ranks(matrix: Matrix, names: list[str]) -> Floats | None:
    """How everybody stands by each of ``SIMPLE``, from -1 to 1; who has none stands last."""
    columns = [names.index(name) for name in SIMPLE if name in names]
    if not columns:
        return None
    found = np.empty((len(matrix), len(columns)))
    for place, column in enumerate(columns):
        values = matrix[:, column].astype(np.float64)
        late = names[column] == "recency_days"
        values = np.where(np.isnan(values), np.inf if late else -np.inf, values)
        found[:, place] = 2 * standing(values) - 1
    return found


def _turned(ranks: Floats, seeds: Flags, learned: Flags) -> Floats:
    """1 for what the learned seeds have more of than the others, else -1."""
    above = ranks[learned & seeds].mean(axis=0) >= ranks[learned & ~seeds].mean(axis=0)
    return np.where(above, 1.0, -1.0)


def standing(values: Floats) -> Floats:
    """The share of rows below each, equal ones counting half."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    found: Floats = ((below + counts / 2) / len(values))[inverse]
    return found


def _places(scores: Floats, rng: np.random.Generator) -> Floats:
    """Places from the highest score down; of equals one is drawn, so that none gains by it."""
    order = np.lexsort((rng.random(len(scores)), -scores))
    found = np.empty(len(scores))
    found[order] = (np.arange(len(scores)) + 0.5) / len(scores)
    return found


def sample(rows: NDArray[np.int64], at_most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The rows, or as many of them as there may be, drawn at random."""
    return rows if len(rows) <= at_most else rng.choice(rows, size=at_most, replace=False)
