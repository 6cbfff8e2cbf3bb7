"""What a search measured: the curve of size against precision, and whether the ranking is worth it.

A cut is made so that so many customers outside the segment stand above it. Precision is the share
of seeds among everybody above the cut, each placed by a model that had not seen them: of those whom
the model takes for one of the segment, so many were. Who is alike and not in the segment counts
as a miss, so it is a lower bound of how many are of the seeds' kind. Recall is the share of all
seeds above the cut, lift the precision over that of a random choice.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lifecycle_engine.scoring.lookalike_models import LookalikeVerdict
from lifecycle_engine.scoring.lookalikes.ranking import Flags, Floats, Places
from lifecycle_engine.scoring.lookalikes.traits import Trait

POINTS = 40
SMALLEST = 20
RESAMPLES = 4_000
#: The size that is offered is the largest with this lift for certain.
LIFT_OFFERED = 2.0
_Z95 = 1.96


@dataclass(frozen=True)
class Point:
    """What a cut would give.

    Attributes:
        size: customers outside the segment above the cut.
        found: held-out seeds above it.
        precision: see the module.
        low: lower end of its 95 % interval.
        high: upper end of it.
        recall: share of all seeds that are above the cut.
        lift: precision by that of a random choice.
        simple: precision of the simple ranking at this size; None where there is none.
    """

    size: int
    found: int
    precision: float
    low: float
    high: float
    recall: float
    lift: float
    simple: float | None


@dataclass(frozen=True)
class Area:
    """How often a seed is placed before another customer, with its 95 % interval; 0.5 is chance.

    The interval is that of E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44(3),
    1988; for a difference of two rankings of the same customers as well.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Result:
    """All that was measured, as it is kept.

    Attributes:
        base_rate: the share of seeds among everybody: the precision of a random choice.
        points: the curve, by ascending size.
        area: of the ranking.
        gain: area of the ranking less that of the simple one; None where there is none.
        traits: what sets the seeds apart, the strongest first.
        modelled: conditions of the segment's rule that read what a model made of the same habits.
        unknown: conditions of which it isn't known what they read.
        suspects: features that alone nearly give the seeds away.
        offered: the size that is offered; None where no size is worth it.
    """

    base_rate: float
    points: list[Point]
    area: Area
    gain: Area | None
    traits: list[Trait]
    modelled: list[str]
    unknown: list[str]
    suspects: list[str]
    offered: int | None

    def as_json(self) -> dict[str, Any]:
        """For the row."""
        return asdict(self)

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Result":
        """From the row."""
        return cls(
            **{
                **document,
                "points": [Point(**point) for point in document["points"]],
                "area": Area(**document["area"]),
                "gain": Area(**document["gain"]) if document["gain"] else None,
                "traits": [Trait(**trait) for trait in document["traits"]],
            }
        )

    @property
    def verdict(self) -> LookalikeVerdict:
        """What that says of the ranking."""
        if self.area.low <= 0.5:
            return LookalikeVerdict.CHANCE
        if self.gain is not None and self.gain.low <= 0:
            return LookalikeVerdict.SIMPLE
        return LookalikeVerdict.BETTER

    def at(self, size: int) -> Point:
        """The curve at a size between its points."""
        sizes = [point.size for point in self.points]

        def between(values: Sequence[float]) -> float:
            return float(np.interp(size, sizes, values))

        simple = [point.simple for point in self.points if point.simple is not None]
        return Point(
            size=size,
            found=round(between([point.found for point in self.points])),
            precision=between([point.precision for point in self.points]),
            low=between([point.low for point in self.points]),
            high=between([point.high for point in self.points]),
            recall=between([point.recall for point in self.points]),
            lift=between([point.lift for point in self.points]),
            simple=between(simple) if simple else None,
        )


def curve_measure(places: Places, *, seeds: Flags, rng: np.random.Generator) -> list[Point]:
    """The curve on held-out seeds, with intervals by a bootstrap over customers.

    It is the Bayesian one (D. B. Rubin, Annals of Statistics 9(1), 1981), of seeds and others each
    among themselves. Of a size the others say where the cut is, and the seeds how many of them are
    above it there; either share is drawn from a beta distribution. Half a customer is added on both
    sides, as Jeffreys would: else a cut without a seed would claim to be certain. The models are
    not fitted again, so what another deal of folds would change is not in the intervals.
    """
    others = np.sort(places.model[~seeds])
    sizes = np.unique(
        np.geomspace(min(SMALLEST, len(others)), len(others), POINTS).round().astype(int)
    )
    found = _found(places.model, seeds, sizes)
    simple = None if places.simple is None else _found(places.simple, seeds, sizes)
    total, base_rate = int(seeds.sum()), float(seeds.mean())
    low, high = _interval(places.model, seeds, sizes, rng)
    precision = found / (found + sizes)
    return [
        Point(
            size=int(size),
            found=int(found[i]),
            precision=float(precision[i]),
            low=float(low[i]),
            high=float(high[i]),
            recall=float(found[i] / total),
            lift=float(precision[i] / base_rate),
            simple=None if simple is None else float(simple[i] / (simple[i] + size)),
        )
        for i, size in enumerate(sizes)
    ]


def size_offered(points: Sequence[Point], *, base_rate: float, at_most: int) -> int | None:
    """The largest size with ``LIFT_OFFERED`` at the lower end of its interval; None without one."""
    good = [
        point.size
        for point in points
        if point.size <= at_most and point.low >= LIFT_OFFERED * base_rate
    ]
    return max(good, default=None)


def areas(places: Places, *, seeds: Flags) -> tuple[Area, Area | None]:
    """The area under the curve of the ranking, and by how much it beats the simple one's."""
    ours, theirs = _placements(places.model, seeds)
    area = _area(ours, theirs)
    if places.simple is None:
        return area, None
    simple_ours, simple_theirs = _placements(places.simple, seeds)
    return area, _area(ours - simple_ours, theirs - simple_theirs)


def _found(places: Floats, seeds: Flags, sizes: Any) -> Any:
    """How many seeds stand above the cut below which so many others stand."""
    cuts = np.sort(places[~seeds])[sizes - 1]
    return np.searchsorted(np.sort(places[seeds]), cuts, side="right")


def _interval(
    places: Floats, seeds: Flags, sizes: Any, rng: np.random.Generator
) -> tuple[Any, Any]:
    shape, others = (RESAMPLES, len(sizes)), sizes[-1]
    behind, _before = _placements(places, seeds)
    total, before = len(behind), np.sort(1 - behind)
    cuts = rng.beta(sizes + 0.5, others - sizes + 0.5, shape)
    found = np.searchsorted(before, cuts)
    above = total * rng.beta(found + 0.5, total - found + 0.5)
    low, high = np.percentile(above / (above + sizes), [2.5, 97.5], axis=0)
    return low, high


def _placements(places: Floats, seeds: Flags) -> tuple[Floats, Floats]:
    """Of each seed the share of others behind it, of each other the share of seeds before it."""
    ours, theirs = places[seeds], places[~seeds]
    behind = 1 - np.searchsorted(np.sort(theirs), ours, side="right") / len(theirs)
    before = np.searchsorted(np.sort(ours), theirs, side="left") / len(ours)
    return behind, before


def _area(ours: Floats, theirs: Floats) -> Area:
    value = float(ours.mean())
    half = _Z95 * float(np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs)))
    return Area(value, value - half, value + half)
