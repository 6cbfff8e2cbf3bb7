"""What a channel has to keep to, checked in one call."""

from dataclasses import dataclass

from lifecycle_engine.sdk.channels import Channel, Receipt, Rendered
from lifecycle_engine.sdk.errors import PermanentError


@dataclass(frozen=True)
class _Nobody:
    email: str = ""
    phone: str = ""


def check_channel(channel: type[Channel], *, address: str, bad_address: str) -> Receipt:
    """Check a channel by sending one message for real, to wherever it is configured to send.

    A customer without addresses has none here, normalising twice changes nothing more, a good
    address gets a receipt, and a bad one is refused for good.

    Args:
        channel: the channel's class.
        address: an address that the provider takes.
        bad_address: one that can't be written to, now or later.

    Returns:
        The receipt of the message.

    Raises:
        AssertionError: the channel breaks a promise; the message says which.
    """
    kind = channel()
    assert str(channel.label).strip(), f"{channel.key}: the label is empty"
    assert channel.sent_event.strip(), f"{channel.key}: the event has no name"
    assert not kind.address(_Nobody()), f"{channel.key}: gives nobody an address"
    once = kind.normalise(address)
    assert once, f"{channel.key}: {address!r} normalises to nothing"
    assert kind.normalise(once) == once, f"{channel.key}: normalising twice differs"
    with kind.session():
        receipt = kind.send(_message(address), idempotency_key="conformance-1")
        assert 0 < len(receipt.provider_id) <= 200, f"{channel.key}: {receipt.provider_id!r}"
        assert receipt.parts >= 1, f"{channel.key}: {receipt.parts} parts"
        try:
            kind.send(_message(bad_address), idempotency_key="conformance-2")
        except PermanentError:
            return receipt
    raise AssertionError(f"{channel.key}: {bad_address!r} is not refused for good")


def _message(to: str) -> Rendered:
    return Rendered(
        to=to,
        subject="Conformance",
        text="A message of the conformance check.",
        html="<p>A message of the conformance check.</p>",
        unsubscribe_url="https://shop.example/unsubscribe/token/",
    )
