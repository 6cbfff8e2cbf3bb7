"""The frames of many trainings, computed in few passes over the features.

Trainings as of neighbouring months want many cut-off dates. One query gives the features of all of
them (ADR 12) for little more than it takes for one. What a training gets is as if it had asked by
itself: each cut-off date's rows are of what happened before it, and no training is handed a
date that it has not asked for.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.sdk.scorers import Scorer

#: Numbers that are held at once: half a gigabyte.
_NUMBERS_MOST = 1 << 26


class FrameStore:
    """Labelled frames of one scorer, some months ahead of who asks for them.

    Args:
        plan: the cut-off dates that each month will ask for, in the months' order.
        customers: how many the population has at most.
    """

    def __init__(self, plan: Sequence[Collection[datetime]], *, customers: int) -> None:
        self._plan = [set(cutoffs) for cutoffs in plan]
        self._customers = max(customers, 1)
        self._held: dict[datetime, LabelledFrame] = {}

    def __call__(
        self, scorer: Scorer, *, cutoffs: Sequence[datetime], excluded: Collection[int]
    ) -> dict[datetime, LabelledFrame]:
        """As ``datasets.labelled_frames``."""
        if not self._held.keys() >= set(cutoffs):
            self._fill(scorer, set(cutoffs), excluded)
        # Copies: what a scorer does to its frame is seen by no other training.
        held = {cutoff: self._held[cutoff] for cutoff in cutoffs}
        return {
            cutoff: LabelledFrame(part.frame.copy(), part.target.copy(), part.learned.copy())
            for cutoff, part in held.items()
        }

    def done(self) -> None:
        """A month is over: what only it wanted is let go of."""
        self._plan.pop(0)
        wanted = set().union(*self._plan)
        self._held = {cutoff: part for cutoff, part in self._held.items() if cutoff in wanted}

    def _fill(self, scorer: Scorer, cutoffs: set[datetime], excluded: Collection[int]) -> None:
        most = _NUMBERS_MOST // (self._customers * max(len(scorer.feature_names()), 1))
        wanted = set(cutoffs)
        for month in self._plan:
            ahead = wanted | month
            too_many = len(ahead - self._held.keys()) > datasets.DATES_MOST
            if too_many or len(ahead | self._held.keys()) > most:
                break
            wanted |= month
        missing = sorted(wanted - self._held.keys(), reverse=True)
        self._held |= datasets.labelled_frames(scorer, cutoffs=missing, excluded=excluded)
