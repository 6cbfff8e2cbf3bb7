"""What can be wrong with a campaign."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class CampaignError(Exception):
    """The base of every error of this app."""


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """One mistake in a campaign's documents.

    Attributes:
        path: where, such as ``journey.steps.mail.config.template``.
        value: what stands there.
        message: what is wrong with it.
    """

    path: str
    value: Any
    message: str

    def __str__(self) -> str:
        return f"{self.path} = {self.value!r}: {self.message}"


class CampaignDocumentError(CampaignError, ValueError):
    """A trigger, journey or policy is wrong; ``problems`` names every path and value."""

    def __init__(self, problems: Sequence[DocumentProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in problems))


class CampaignStateError(CampaignError):
    """A campaign can't do this in the state it is in."""


class CampaignPausedError(CampaignError):
    """A campaign had to be paused; the message is the reason that staff see."""


class AudienceTooLargeError(CampaignPausedError):
    """The audience has grown too far beyond the size that was approved."""


class AudienceUnknownError(CampaignPausedError):
    """The audience could not be worked out, so nobody may act on it."""


class ActionMissingError(CampaignPausedError):
    """A step's action is not registered: its plugin is missing or switched off."""
