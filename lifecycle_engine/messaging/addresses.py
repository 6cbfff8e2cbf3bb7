"""Addresses as suppressions keep them: a keyed hash, so that the list names nobody."""

from django.utils.crypto import salted_hmac

from lifecycle_engine.sdk.channels import Channel

_SALT = "lifecycle_engine.messaging.suppression"


def address_hash(channel: Channel, address: str) -> str:
    """The keyed hash of an address, equal for all spellings that the channel holds for equal.

    The key is derived from SECRET_KEY. Without the key the hash of a known address can't be
    computed, so the list can't be searched for people.
    """
    spelling = f"{channel.key}:{channel.normalise(address)}"
    return salted_hmac(_SALT, spelling, algorithm="sha256").hexdigest()
