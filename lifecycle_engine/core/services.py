"""Making API keys, and recognising them."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from lifecycle_engine.core.models import ApiKey, Scope

#: Shorter than the column: the name is part of the source of the key's events.
NAME_LIMIT = 90

_USE_NOTED_EVERY = timedelta(minutes=1)


class ApiKeyError(ValueError):
    """An API key can't be made as asked, or is not good for a request."""


class ApiKeyUnknownError(ApiKeyError):
    """No key that is good now: status 401."""


class ApiKeyAddressError(ApiKeyError):
    """The key may not be used from this address: status 403."""


class ApiKeyLimitError(ApiKeyError):
    """Too many requests with the key: status 429.

    Attributes:
        retry_after: seconds until the next request is admitted, at least 1.
    """

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def api_key_create(*, name: str, scopes: Sequence[str]) -> tuple[ApiKey, str]:
    """Make a key with 256 random bits; returns its record and the key itself, to be shown once.

    Raises:
        ApiKeyError: the name or a scope is wrong; the message names it.
    """
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        raise ApiKeyError(f"name wants 1 to {NAME_LIMIT} printable characters, got {name!r}")
    unknown = [scope for scope in scopes if scope not in Scope.values]
    if unknown or not scopes:
        problem = f"unknown scope {unknown[0]!r}" if unknown else "no scope is given"
        raise ApiKeyError(f"{problem}; there is: {', '.join(Scope.values)}")
    prefix, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    try:
        with transaction.atomic():
            record = ApiKey.objects.create(
                name=name, prefix=prefix, digest=_digest(secret), scopes=sorted(set(scopes))
            )
    except IntegrityError:
        raise ApiKeyError(f"name {name!r} is taken") from None
    return record, f"le_{prefix}_{secret}"


def api_key_recognise(key: str) -> ApiKey | None:
    """The record of a key that is valid now, or None."""
    kind, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    if kind != "le" or not prefix.isalnum():
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


def api_key_admit(key: str, *, ip: str) -> ApiKey:  # noqa: ARG001 - for the allow-list to come
    """The record of the key that a request from the address ``ip`` came with.

    Raises:
        ApiKeyUnknownError: the key is unknown or revoked.
    """
    record = api_key_recognise(key)
    if record is None:
        raise ApiKeyUnknownError("The API key is unknown or revoked.")
    return record


def _digest(secret: str) -> str:
    # A plain hash is enough: the secret has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
