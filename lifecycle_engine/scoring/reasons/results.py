"""What is kept of a customer's reasons: the shape of their JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Reason:
    """What features that tell of one thing did to a score.

    Attributes:
        feature: the one that did most of it; it is told of.
        value: what it is for the customer; None where it does not apply.
        usual: what it usually is for this customer; None where that is not known.
        typical: its median among customers; None where that is not known.
        contribution: what all of ``features`` did together, in the model's scale; more than 0
            raised the score.
        features: all that tell of the same thing, the one that did most first.
        text: what the value stands for, where it is the number of a name.
    """

    feature: str
    value: float | None
    usual: float | None
    typical: float | None
    contribution: float
    features: tuple[str, ...]
    text: str | None = None


@dataclass(frozen=True)
class Change:
    """What the model would say if one feature were another.

    Attributes:
        feature: the feature.
        now: what it is.
        then: what it would be.
        score: what the score would be; of a class the number of the class that it would be.
    """

    feature: str
    now: float
    then: float
    score: float


@dataclass(frozen=True)
class Explained:
    """A customer's reasons by one scorer.

    Attributes:
        base: the model's answer, in its scale, when nothing is known of a customer.
        total: its answer for this customer: ``base`` and all contributions.
        score: the score that this comes to.
        reasons: the largest contributions, in either direction, the largest first.
        changes: what would bring the score where it is wanted, the most first; of a class what
            would bring the customer into another one, the smallest first.
        rival: of a class the number of the one that came closest to it, against which all is meant;
            else None.
    """

    base: float
    total: float
    score: float
    reasons: tuple[Reason, ...]
    changes: tuple[Change, ...]
    rival: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For a JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Explained":
        """As it was stored."""
        reasons = (
            Reason(**{**reason, "features": tuple(reason["features"])})
            for reason in stored["reasons"]
        )
        changes = (Change(**change) for change in stored["changes"])
        return cls(**{**stored, "reasons": tuple(reasons), "changes": tuple(changes)})
