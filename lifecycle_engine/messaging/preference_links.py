"""Links by which who got a message sees and changes its consents, without an account or a login."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from lifecycle_engine.messaging.unsubscribe import UnsubscribeToken

_SALT = "lifecycle_engine.messaging.preferences"

#: For so long a link may also grant. To withdraw it works for ever.
GRANTS_FOR = timedelta(days=90)


@dataclass(frozen=True)
class PreferenceToken:
    """Whom a link stands for: the customer, and the address to which it was sent."""

    channel: str
    address_hash: str
    customer_id: int
    made_at: datetime

    def grants(self, *, at: datetime) -> bool:
        """Whether the link may still grant."""
        return at - self.made_at < GRANTS_FOR


class PreferenceTokenError(Exception):
    """A link was not made by us, or it was changed on the way."""


def preferences_url(addressee: UnsubscribeToken, *, at: datetime) -> str:
    """The absolute link for an addressee, made at a time."""
    value = [addressee.channel, addressee.address_hash, addressee.customer_id, int(at.timestamp())]
    signed = signing.Signer(salt=_SALT).sign_object(value)
    return settings.PUBLIC_URL + reverse("preferences", args=[signed])


def preference_token_read(signed: str) -> PreferenceToken:
    """Check a link's token and read it.

    Raises:
        PreferenceTokenError: the signature is wrong.
    """
    try:
        channel, hashed, customer_id, made = signing.Signer(salt=_SALT).unsign_object(signed)
    except signing.BadSignature as error:
        raise PreferenceTokenError("The link is wrong or incomplete") from error
    return PreferenceToken(channel, hashed, customer_id, datetime.fromtimestamp(made, tz=UTC))
