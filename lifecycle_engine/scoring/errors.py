"""What can go wrong in training, storing and scoring."""


class ScoringError(Exception):
    """The base of this app's errors."""


class TrainingDataError(ScoringError):
    """There is too little history to learn from; the message has the numbers."""


class LeakageError(ScoringError):
    """A scorer asked for what it can't have known at its cut-off date."""


class ScorerOutputError(ScoringError):
    """A scorer returned something else than it promised; nothing of its run is published."""


class ModelMissingError(ScoringError):
    """A scorer has no trained model to score with."""


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


class ScorerConfigError(ScoringError):
    """The configuration that staff set for a scorer is wrong; the message names the field."""


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
