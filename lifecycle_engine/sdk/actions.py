"""Actions: what a step of a journey does for a batch of customers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from lifecycle_engine.sdk.registry import Config, Extension, Registry

ConfigT = TypeVar("ConfigT", bound=Config)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A customer whom a step acts on, and what earlier steps left behind for this one."""

    id: int
    external_id: str | None = None
    email: str = ""
    phone: str = ""
    first_name: str = ""
    last_name: str = ""
    language: str = ""
    time_zone: str = ""
    country: str = ""
    #: What earlier steps returned as ``ActionOutcome.context``, merged; plain JSON.
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Customers who are at the same step of the same occurrence of a campaign."""

    campaign_key: str
    campaign_name: str
    occurrence_id: int
    step: str
    at: datetime
    recipients: Sequence[Recipient]

    @property
    def occasion(self) -> str:
        """What this step happens for: the same however often a batch is tried."""
        return f"campaign:{self.occurrence_id}:{self.step}"


class OutcomeKind(StrEnum):
    """What came of an action for one customer."""

    ACTED = "acted"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """What came of an action for one customer.

    Attributes:
        kind: acted, refused by a limit that the action keeps, or failed for this customer.
        reference: what identifies the thing made (a coupon's code, a message's key); at most 200
            characters, and the same when the batch is tried again.
        context: plain JSON for the steps that follow, such as the coupon that a message shows.
        gate: which limit refused, such as ``budget``.
        reason: why, in words for staff.
    """

    kind: OutcomeKind
    reference: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    gate: str = ""
    reason: str = ""

    @classmethod
    def acted(
        cls, *, reference: str = "", context: Mapping[str, Any] | None = None
    ) -> "ActionOutcome":
        """The action did its work."""
        return cls(OutcomeKind.ACTED, reference=reference, context=context or {})

    @classmethod
    def refused(cls, *, gate: str, reason: str = "") -> "ActionOutcome":
        """A limit that the action itself keeps said no."""
        return cls(OutcomeKind.REFUSED, gate=gate, reason=reason)

    @classmethod
    def failed(cls, *, reason: str) -> "ActionOutcome":
        """The action can't work for this customer."""
        return cls(OutcomeKind.FAILED, reason=reason)


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A value of a configuration that points at nothing, such as a template that isn't there."""

    field: str
    value: Any
    message: str


class Action(Extension, Generic[ConfigT]):
    """What a step does. Subclass it, set ``key``, ``label`` and ``Config``, and register it.

    ``execute`` runs inside the database transaction that also writes the decision and moves the
    customers on. So it writes to the database only, never talks to the outside (that is what the
    outbox is for), and may be called again with the same batch after a crash.
    """

    #: The channel that the action reaches customers over. When set, consent, suppression, address,
    #: frequency cap and quiet hours are checked before ``execute`` sees a customer.
    channel: ClassVar[str] = ""
    #: Whether what follows counts on this step: then a refusal ends the customer's journey. A
    #: message without consent only skips its own step; an e-mail must not promise a coupon that
    #: was refused.
    required: ClassVar[bool] = False
    #: Whether the journey ends here.
    ends: ClassVar[bool] = False

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    def execute(self, batch: Batch) -> Mapping[int, ActionOutcome]:
        """Act for all recipients at once.

        Returns:
            One outcome for every recipient's id, and for nobody else.

        Raises:
            TransientError: nothing could be done now; the whole batch is tried again later.
        """
        raise NotImplementedError

    def problems(self) -> Iterable[ConfigProblem]:
        """What the configuration points at and isn't there; asked when a campaign is saved."""
        return ()

    def sentence(self) -> str:
        """The step in words, such as "send the e-mail “welcome”"."""
        return str(self.label)


actions: Registry[Action[Any]] = Registry("action", Action)
