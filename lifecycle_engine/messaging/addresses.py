"""Addresses as suppressions keep them: a keyed hash, so that the list names nobody."""

from lifecycle_engine.core.encryption import keyed_hash
from lifecycle_engine.sdk.channels import Channel

_SALT = "lifecycle_engine.messaging.suppression"


def address_hash(channel: Channel, address: str) -> str:
    """The keyed hash of an address, equal for all spellings that the channel holds for equal.

    Without the key the hash of a known address can't be computed, so the list can't be searched for
    people.
    """
    spelling = f"{channel.key}:{channel.normalise(address)}"
    return keyed_hash(_SALT, spelling)


def address_hash_everywhere(channel: Channel, address: str) -> str:
    """The keyed hash of an address for entries that hold on every channel with such addresses."""
    return keyed_hash(_SALT, f"*:{channel.normalise(address)}")
