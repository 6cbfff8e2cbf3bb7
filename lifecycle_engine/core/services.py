"""Making API keys, and recognising them."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from lifecycle_engine.core.models import ApiKey, Scope

_USE_NOTED_EVERY = timedelta(minutes=1)


def api_key_create(*, name: str, scopes: Sequence[str]) -> tuple[ApiKey, str]:
    """Make a key with 256 random bits; returns its record and the key itself, to be shown once.

    Raises:
        ValueError: a scope doesn't exist; the message names it.
    """
    unknown = [scope for scope in scopes if scope not in Scope.values]
    if unknown or not scopes:
        raise ValueError(f"unknown scope {unknown!r}; there is: {', '.join(Scope.values)}")
    prefix, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    record = ApiKey.objects.create(
        name=name, prefix=prefix, digest=_digest(secret), scopes=sorted(set(scopes))
    )
    return record, f"le_{prefix}_{secret}"


def api_key_recognise(key: str) -> ApiKey | None:
    """The record of a key that is valid now, or None."""
    kind, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    if kind != "le":
        return None
    record = ApiKey.objects.filter(prefix=prefix, revoked_at=None).first()
    if record is None or not hmac.compare_digest(record.digest, _digest(secret)):
        return None
    # At most one write a minute and key, however many requests come.
    noted_before = timezone.now() - _USE_NOTED_EVERY
    ApiKey.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=noted_before), pk=record.pk
    ).update(last_used_at=Now())
    return record


def _digest(secret: str) -> str:
    # A plain hash is enough: the secret has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
