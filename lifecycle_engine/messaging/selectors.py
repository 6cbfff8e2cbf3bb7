"""Reading the outbox and the suppressions."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models.functions import Now

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.selectors import customers_whole
from lifecycle_engine.messaging.models import Message, MessageState
from lifecycle_engine.messaging.suppressions import addresses_suppressed
from lifecycle_engine.sdk.channels import Channel, channels


@dataclass(frozen=True)
class MessageBooks:
    """What became of a campaign's messages on one channel."""

    targeted: int
    sent: int
    suppressed: int
    failed: int
    unknown: int
    pending: int

    @property
    def balanced(self) -> bool:
        """Whether every message is accounted for."""
        return self.targeted == (
            self.sent + self.suppressed + self.failed + self.unknown + self.pending
        )


_BOOKED_AS = {
    MessageState.QUEUED: "pending",
    MessageState.CLAIMED: "pending",
    MessageState.SENDING: "pending",
    MessageState.SENT: "sent",
    MessageState.DELIVERED: "sent",
    MessageState.BOUNCED: "sent",
    MessageState.SUPPRESSED: "suppressed",
    MessageState.FAILED: "failed",
    MessageState.UNKNOWN: "unknown",
}


def suppressed(*, customer_ids: Collection[int], channel: str, purpose: str) -> set[int]:
    """Those of the customers whose address must not be written to on the channel for the purpose.

    Raises:
        UnknownExtensionError: there is no such channel.
    """
    kind = channels.get(channel)()
    customers = customers_whole(profile_ids=customer_ids)
    return customers_suppressed(channel=kind, customers=customers, purpose=purpose)


def customers_suppressed(
    *, channel: Channel, customers: Mapping[int, Customer], purpose: str
) -> set[int]:
    """Those of the profiles whose customer has an address that is suppressed for the purpose."""
    addresses = {
        profile_id: address
        for profile_id, customer in customers.items()
        if (address := channel.address(customer))
    }
    found = addresses_suppressed(channel=channel, addresses=addresses.values(), purpose=purpose)
    return {customer_id for customer_id, address in addresses.items() if address in found}


def message_counts(*, campaign: str) -> dict[str, dict[str, int]]:
    """How many messages of the campaign are in each state, by channel."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for channel, state, number in sql_rows("messaging", "message_counts", {"campaign": campaign}):
        counts[channel][state] = number
    return dict(counts)


def message_books(*, campaign: str) -> dict[str, MessageBooks]:
    """The books of the campaign's messages, by channel."""
    counts = message_counts(campaign=campaign)
    return {channel: _books(by_state) for channel, by_state in counts.items()}


def _books(counts: Mapping[str, int]) -> MessageBooks:
    booked: dict[str, int] = dict.fromkeys(_BOOKED_AS.values(), 0)
    for state, entry in _BOOKED_AS.items():
        booked[entry] += counts.get(state, 0)
    return MessageBooks(targeted=sum(counts.values()), **booked)


def outbox_due() -> bool:
    """Whether a message is waiting to be sent now."""
    return Message.objects.filter(state=MessageState.QUEUED, due_at__lte=Now()).exists()
