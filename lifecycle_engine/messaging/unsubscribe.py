"""Links by which who got a message stops further ones, without an account or a login."""

from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.urls import reverse

_SALT = "lifecycle_engine.messaging.unsubscribe"


@dataclass(frozen=True)
class UnsubscribeToken:
    """Whom a link stands for. It holds no address, and works after the message is erased."""

    channel: str
    address_hash: str
    customer_id: int


class UnsubscribeTokenError(Exception):
    """A link was not made by us, or it was changed on the way."""


def unsubscribe_url(token: UnsubscribeToken) -> str:
    """The absolute link. It never expires: the law wants it to work long after the message."""
    value = [token.channel, token.address_hash, token.customer_id]
    signed = signing.Signer(salt=_SALT).sign_object(value)
    return settings.PUBLIC_URL + reverse("messaging:unsubscribe", args=[signed])


def unsubscribe_token_read(signed: str) -> UnsubscribeToken:
    """Check a link's token and read it.

    Raises:
        UnsubscribeTokenError: the signature is wrong.
    """
    try:
        channel, hashed, customer_id = signing.Signer(salt=_SALT).unsign_object(signed)
    except signing.BadSignature as error:
        raise UnsubscribeTokenError("The link is wrong or incomplete") from error
    return UnsubscribeToken(channel, hashed, customer_id)
