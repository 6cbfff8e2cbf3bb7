"""What can go wrong in training, storing and scoring."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self


class ScoringError(Exception):
    """The base of this app's errors."""


@dataclass(frozen=True)
class Need:
    """One figure of the data that training needs.

    Attributes:
        what: ``customers``, ``positives``, ``negatives``, ``classes``, ``days`` or ``memory``.
        wanted: how many it must be at least.
        found: how many there are.
    """

    what: str
    wanted: int
    found: int


_NEEDS = {
    "customers": "customers",
    "positives": "customers of whom it came true",
    "negatives": "customers of whom it did not come true",
    "classes": "classes that came true often enough",
    "days": "days of orders",
    "memory": "MiB of free memory",
}


class TrainingDataError(ScoringError):
    """There is too little to learn from, or to learn with; the message has the numbers.

    Attributes:
        needs: what there is too little of.
    """

    needs: tuple[Need, ...] = ()

    @classmethod
    def of_needs(cls, scorer_key: str, needs: Sequence[Need]) -> Self:
        """With both numbers of each: wanted and found."""
        wanted = _listed([f"{need.wanted:,} {_NEEDS[need.what]}" for need in needs])
        found = _listed([f"{need.found:,}" for need in needs])
        there = "is" if len(needs) == 1 and needs[0].found == 1 else "are"
        error = cls(f"Scorer {scorer_key} needs {wanted}; there {there} {found}")
        error.needs = tuple(needs)
        return error

    def as_json(self) -> list[dict[str, Any]]:
        """For the record of the run."""
        return [asdict(need) for need in self.needs]


def _listed(parts: Sequence[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


class LeakageError(ScoringError):
    """A scorer asked for what it can't have known at its cut-off date."""


class ScorerOutputError(ScoringError):
    """A scorer returned something else than it promised; nothing of its run is published."""


class ModelMissingError(ScoringError):
    """A scorer has no trained model to score with."""


class ModelChangeError(ScoringError):
    """A model version can't be brought to that state; the message says why."""


class ArtefactError(ScoringError):
    """A stored model is not what was stored, or holds what a model must not hold."""


class OutcomeWindowError(ScoringError):
    """There is nothing to judge scores by: they are missing, or the window is not over."""


class ReasonsMissingError(ScoringError):
    """A score can't be explained; the message says why."""


class ScorerBusyError(ScoringError):
    """The scorer is being trained or run by another worker."""


class RunGivenUpError(ScoringError):
    """A run ended before it was complete; nothing of it is published. The message says why."""


class ScorerOffError(ScoringError):
    """Staff have switched the scorer off."""


class ScorerMomentaryError(ScoringError):
    """The scorer's scores hold for a moment: they are worked out when they are asked for."""


class ScorerConfigError(ScoringError):
    """The configuration that staff set for a scorer is wrong; the message names the field."""


class BacktestError(ScoringError):
    """A backtest can't be made; the message says why."""


class LookalikeError(ScoringError):
    """Something can't be done with a search for lookalikes; the message says why."""


class LookalikeRefusedError(ScoringError):
    """There is nothing to search by.

    Attributes:
        reason: why.
        seeds: customers to learn from, where they were counted.
        others: customers outside the segment, where they were counted.
    """

    def __init__(self, reason: str, *, seeds: int | None = None, others: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.seeds, self.others = reason, seeds, others
