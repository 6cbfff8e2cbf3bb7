"""Channels: the ways by which a message reaches a customer."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from lifecycle_engine.sdk.errors import SdkError
from lifecycle_engine.sdk.registry import Extension, Registry


class UncertainError(SdkError):
    """The provider may or may not have taken the message: it is never sent again by itself."""


class Addressee(Protocol):
    """What a channel knows of the customer it writes to."""

    @property
    def email(self) -> str:
        """The e-mail address, or an empty string."""
        ...

    @property
    def phone(self) -> str:
        """The telephone number, or an empty string."""
        ...


@dataclass(frozen=True)
class Rendered:
    """A message ready to be handed over: all merge tags are filled in."""

    to: str
    subject: str
    text: str
    html: str
    unsubscribe_url: str


@dataclass(frozen=True)
class Receipt:
    """The provider's answer: its own id for the message, and how many parts it charges for."""

    provider_id: str
    parts: int = 1


class Channel(Extension):
    """One way to reach a customer.

    The outbox makes one instance for each batch, enters ``session()``, and calls ``send`` once per
    message. It never repeats a call whose outcome it doesn't know, so what ``send`` raises must be
    exact:

    - TransientError: the provider has not taken the message; try again later.
    - PermanentError: it never will; don't try again.
    - UncertainError: it may have; staff or the provider's report will tell.
    """

    #: The name of the engine's event for a message that the provider has taken.
    sent_event: ClassVar[str]
    #: Whether templates of this channel have a subject and an HTML part.
    rich: ClassVar[bool] = False

    def address(self, customer: Addressee) -> str:
        """The customer's address on this channel; empty where there is none."""
        raise NotImplementedError

    def normalise(self, address: str) -> str:
        """The form in which two spellings of one address are equal."""
        return address.strip().casefold()

    def context_check(self, context: Mapping[str, Any]) -> None:
        """Refuse merge data that this channel can't carry safely.

        Raises:
            PermanentError: the message names the entry.
        """

    def session(self) -> AbstractContextManager[None]:
        """What is opened once and shared by a batch, such as a connection.

        Raises:
            TransientError: the provider can't be reached; nothing was sent.
        """
        return nullcontext()

    def send(self, rendered: Rendered, *, idempotency_key: str) -> Receipt:
        """Hand one message over to the provider.

        Args:
            rendered: the message.
            idempotency_key: the outbox row's id; a provider that knows it already must not send
                the message a second time.

        Raises:
            TransientError: not taken, try again later.
            PermanentError: refused for good.
            UncertainError: the outcome is not known.
        """
        raise NotImplementedError


channels: Registry[Channel] = Registry("channel", Channel)
