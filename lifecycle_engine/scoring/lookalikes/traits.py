"""What sets the seeds apart, one feature at a time: a description, not what the model weighs."""

from dataclasses import dataclass

import numpy as np

from lifecycle_engine.scoring.lookalikes.ranking import Flags, Floats, Matrix, sample, standing

SHOWN = 8
#: A feature that alone puts so large a share of seeds before the others, or behind them, is most
#: likely the segment's definition in other words.
SUSPECT = 0.95
_SEEDS_AT_MOST, _OTHERS_AT_MOST = 50_000, 200_000
#: Two-sided 5 % shared by some 50 features (Bonferroni).
_Z = 3.3


@dataclass(frozen=True)
class Trait:
    """How a feature differs.

    Attributes:
        name: the feature.
        seeds: its median among the seeds; None where the median seed has no such thing.
        others: its median among the others.
        area: how often a seed has more of it than another customer has; 0.5 is no difference.
    """

    name: str
    seeds: float | None
    others: float | None
    area: float


def traits_find(
    matrix: Matrix, *, names: list[str], seeds: Flags, rng: np.random.Generator
) -> tuple[list[Trait], list[str]]:
    """The features that differ most, of those that differ by more than chance; and the suspects.

    Who has no value counts as having least of it, since having none says something as well.
    """
    rows = np.concatenate(
        [
            sample(np.flatnonzero(seeds), _SEEDS_AT_MOST, rng),
            sample(np.flatnonzero(~seeds), _OTHERS_AT_MOST, rng),
        ]
    )
    ours = seeds[rows]
    count, rest = int(ours.sum()), int((~ours).sum())
    # The standard error of the area where nothing differs (Mann and Whitney 1947).
    noise = float(np.sqrt((count + rest + 1) / (12.0 * count * rest)))
    found = []
    for column, name in enumerate(names):
        values = matrix[rows, column].astype(np.float64)
        values = np.where(np.isnan(values), -np.inf, values)
        found.append(_trait(name, values, ours, count, rest))
    apart = [trait for trait in found if abs(trait.area - 0.5) > _Z * noise]
    apart.sort(key=lambda trait: -abs(trait.area - 0.5))
    suspects = [trait.name for trait in apart if max(trait.area, 1 - trait.area) >= SUSPECT]
    return apart[:SHOWN], suspects


def _trait(name: str, values: Floats, ours: Flags, count: int, rest: int) -> Trait:
    stands = standing(values)[ours].mean() * len(values)
    area = float((stands - count / 2) / rest)
    return Trait(name, _median(values[ours]), _median(values[~ours]), area)


def _median(values: Floats) -> float | None:
    middle = float(np.quantile(values, 0.5, method="lower"))
    return middle if np.isfinite(middle) else None
