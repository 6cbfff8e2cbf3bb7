"""What a training comes to: a fitted scorer beside what its card says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter, process_time
from typing import Any, Protocol, Self

from lifecycle_engine.scoring.artefacts import Artefact, artefact_save
from lifecycle_engine.scoring.cards.building import (
    Judged,
    Quality,
    quality,
    single_features,
    window,
)
from lifecycle_engine.scoring.cards.drift import reference
from lifecycle_engine.scoring.classes import ModelClass, declared_classes
from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.scoring.measures import Floats
from lifecycle_engine.scoring.metrics import Comparison
from lifecycle_engine.scoring.promises import outputs_checked
from lifecycle_engine.sdk.scorers import Scorer


class JudgedBy(Protocol):
    """What a model said of the window that judged it, and what came true there."""

    @property
    def began(self) -> datetime:
        """The model has seen nothing from then on."""

    def beside(self, scorer: Any, *, seed: int) -> Comparison:
        """The metric that decides, of this model beside another that has not seen it either."""


@dataclass(frozen=True)
class Trained:
    """A fitted scorer with what its card says.

    Attributes:
        rows: how many rows the final fit learned from.
        comparisons: the metrics on the validation window; the first decides.
        card: the rest of the model card.
        judged: what the model said of the window that judged it; None of groups that were found.
        held: the artefact of the model that was judged, which has not seen that window.
        classes: what the numbers are called that a scorer of classes gives.
    """

    rows: int
    comparisons: dict[str, Comparison]
    card: dict[str, Any] = field(default_factory=dict)
    judged: JudgedBy | None = None
    held: Artefact | None = None
    classes: Sequence[ModelClass] = ()

    @property
    def better(self) -> bool:
        """Whether the model beats its baseline in the metric that decides."""
        return next(iter(self.comparisons.values())).better


@dataclass(frozen=True)
class Assessed:
    """What the newest window says of a scorer, asked before it learns from that window, too.

    Attributes:
        scorer: what was judged.
        judged: what it said of the window.
        quality: how good that is.
        report: what the scorer tells of itself.
        held: its artefact of then.
        scores: what it would have published of the window.
    """

    scorer: Scorer
    judged: Judged
    quality: Quality
    report: dict[str, Any]
    held: Artefact
    scores: Floats

    @classmethod
    def of(
        cls,
        scorer: Scorer,
        part: LabelledFrame,
        *,
        learned: LabelledFrame,
        seed: int,
        details: bool,
        folder: str,
    ) -> Self:
        """Judge a scorer that has learned from ``learned``, and keep it as it is.

        Raises:
            ScorerOutputError: the scorer broke a promise.
        """
        judged = Judged.of(scorer, part)
        found = quality(scorer, judged, learned=learned, seed=seed, details=details)
        more = scorer.report_judged(part.frame, part.learned) if details else {}
        # Stored now: the next fit may change what the state refers to.
        held = artefact_save(folder=f"{folder}/{scorer.key}", state=scorer.state())
        scores = judged.model
        if scorer.is_judged_apart() or declared_classes(scorer):
            scores = outputs_checked(scorer, part.frame, scorer.predict).to_numpy()
        return cls(scorer, judged, found, scorer.report() | more, held, scores)

    def trained(
        self,
        everything: LabelledFrame,
        *,
        choice: LabelledFrame | None,
        learned: Sequence[LabelledFrame],
        clock: "Clock",
    ) -> Trained:
        """The training as a whole, once the scorer has learned from everything.

        Args:
            everything: what the model in use has learned from.
            choice: the window on which choices were made.
            learned: what the model that was judged has learned from, by cut-off date.
            clock: what it all cost.
        """
        scorer, found, classes = self.scorer, self.quality, declared_classes(self.scorer)
        features = everything.frame[single_features(scorer)]
        card = {
            "validation": found.validation,
            "choice": None if choice is None else window(scorer, choice),
            "training": [window(scorer, part) for part in learned],
            "gap_days": scorer.horizon_days,
            "report": self.report,
            "cost": clock.as_json(),
            "reference": reference(features, self.scores, classes=bool(classes)),
            **found.more,
        }
        rows = len(everything.frame)
        return Trained(rows, found.comparisons, card, self.judged, self.held, classes)


class Clock:
    """What each step costs, in seconds of this process on its processors and on the wall."""

    def __init__(self) -> None:
        self._last = (process_time(), perf_counter())
        self._laps: list[dict[str, Any]] = []

    def lap(self, step: str) -> None:
        """A step is over."""
        now = (process_time(), perf_counter())
        busy, passed = (after - before for before, after in zip(self._last, now, strict=True))
        self._laps.append({"step": step, "processor": round(busy, 3), "wall": round(passed, 3)})
        self._last = now

    def as_json(self) -> list[dict[str, Any]]:
        """For the card."""
        return self._laps
