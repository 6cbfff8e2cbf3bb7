"""Making and ending API keys, and admitting requests by them."""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from lifecycle_engine.core.addresses import NetworkError, address_in, networks_read
from lifecycle_engine.core.models import (
    PARTNER_PATTERN,
    RATE_LIMIT_DEFAULT,
    RATE_LIMIT_HIGHEST,
    ApiKey,
    Scope,
)
from lifecycle_engine.core.sql import sql_rows, sql_text

#: Shorter than the column: the name is part of the source of the key's events.
NAME_LIMIT = 90

#: How long the old secret stays good after a rotation.
GRACE_DEFAULT = timedelta(hours=24)
GRACE_LONGEST = timedelta(days=90)

_USE_NOTED_EVERY = timedelta(minutes=1)
_MINUTE = timedelta(minutes=1)
#: What was read of keys that there are, and when by this process's clock.
_records_known: dict[str, tuple[float, ApiKey]] = {}


class ApiKeyError(ValueError):
    """An API key can't be made or changed as asked, or is not good for a request."""


class ApiKeyUnknownError(ApiKeyError):
    """No key that is good now: status 401."""


class ApiKeyAddressError(ApiKeyError):
    """The key may not be used from this address: status 403."""


class ApiKeyLimitError(ApiKeyError):
    """Too many requests with the key: status 429.

    Attributes:
        retry_after: seconds until the next request is admitted, at least 1.
        reset_after: seconds until the whole limit is there again, at least ``retry_after``.
    """

    def __init__(self, message: str, *, retry_after: int, reset_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reset_after = reset_after


def api_key_create(
    *,
    name: str,
    scopes: Sequence[str],
    rate_limit: int | None = RATE_LIMIT_DEFAULT,
    allowed_networks: Sequence[str] = (),
    partner: str = "",
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key with 256 random bits; returns its record and the key itself, to be shown once.

    Args:
        name: whose key it is; unique.
        scopes: what it may do.
        rate_limit: requests a minute, of which all may come at once; None for no limit.
        allowed_networks: addresses and CIDR networks it may be used from; none means everywhere.
        partner: whose it is, when it isn't the shop's own; it then shows only customers who have
            consented to ``sharing:<partner>``.
        expires_at: from when on it isn't good any more; None for never.

    Raises:
        ApiKeyError: a value is wrong; the message names it.
    """
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        raise ApiKeyError(f"name wants 1 to {NAME_LIMIT} printable characters, got {name!r}")
    settings = _settings_checked(
        scopes=scopes,
        rate_limit=rate_limit,
        allowed_networks=allowed_networks,
        partner=partner,
        expires_at=expires_at,
    )
    prefix, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    try:
        with transaction.atomic():
            record = ApiKey.objects.create(
                name=name, prefix=prefix, digest=_digest(secret), **settings
            )
    except IntegrityError:
        raise ApiKeyError(f"name {name!r} is taken") from None
    return record, _key(prefix, secret)


def api_key_change(
    *,
    name: str,
    scopes: Sequence[str],
    rate_limit: int | None,
    allowed_networks: Sequence[str],
    partner: str,
    expires_at: datetime | None,
) -> ApiKey:
    """Change what a key may do; its secret, its use and its end stay as they are.

    Raises:
        ApiKeyError: there is no such key, or a value is wrong; the message names it.
    """
    settings = _settings_checked(
        scopes=scopes,
        rate_limit=rate_limit,
        allowed_networks=allowed_networks,
        partner=partner,
        expires_at=expires_at,
    )
    with transaction.atomic():
        record = _locked(name)
        for field, value in settings.items():
            setattr(record, field, value)
        record.save(update_fields=list(settings))
    return record


def api_key_rotate(
    *, name: str, at: datetime, grace: timedelta = GRACE_DEFAULT
) -> tuple[ApiKey, str]:
    """Give a key a new secret; returns its record and the new key, to be shown once.

    The secret that was good up to now stays so for ``grace``. One that was already in its own grace
    ends: at most two are good at a time.

    Raises:
        ApiKeyError: there is no such key, it has ended, or the grace is out of range.
    """
    if not timedelta(0) <= grace <= GRACE_LONGEST:
        raise ApiKeyError(f"grace wants 0 hours to {GRACE_LONGEST.days} days, got {grace}")
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        record = _locked(name)
        if record.revoked_at is not None:
            raise ApiKeyError(f"{name!r} was revoked at {record.revoked_at:%Y-%m-%d %H:%M}")
        if record.expires_at is not None and record.expires_at <= at:
            raise ApiKeyError(f"{name!r} expired at {record.expires_at:%Y-%m-%d %H:%M}")
        record.previous_digest, record.previous_until = (
            (record.digest, at + grace) if grace else ("", None)
        )
        record.digest = _digest(secret)
        record.rotated_at = at
        record.save(update_fields=["digest", "previous_digest", "previous_until", "rotated_at"])
    return record, _key(record.prefix, secret)


def api_key_revoke(*, name: str, at: datetime) -> ApiKey:
    """End a key with all its secrets, at once and for good; a second time changes nothing.

    Raises:
        ApiKeyError: there is no such key.
    """
    with transaction.atomic():
        record = _locked(name)
        if record.revoked_at is None:
            record.revoked_at = at
            record.previous_digest, record.previous_until = "", None
            record.save(update_fields=["revoked_at", "previous_digest", "previous_until"])
    return record


def api_key_admit(
    key: str, *, ip: str, at: datetime | None = None, known_for: timedelta = timedelta(0)
) -> ApiKey:
    """The record of the key that a request came with, with one request taken off its limit.

    Call it outside a transaction: the limit's row stays locked until the end of the one it is in.

    Args:
        key: what the request showed.
        ip: the client's address (``addresses.client_address``), or "" where it can't be told.
        at: the wall clock's time for expiry and grace, unless it is the present. Limits go by the
            database's clock, which all processes share.
        known_for: for so long what was read of a key before counts instead of being read again; a
            revocation or a change takes effect within it.

    Raises:
        ApiKeyUnknownError: the key is unknown, revoked or expired.
        ApiKeyAddressError: the key may not be used from there.
        ApiKeyLimitError: the limit is reached.
    """
    at = at or timezone.now()
    record = api_key_recognise(key, at=at, known_for=known_for)
    if record.allowed_networks and not address_in(ip, record.allowed_networks):
        raise ApiKeyAddressError(f"The API key may not be used from {ip or 'an unknown address'}.")
    if record.last_used_at is None or record.last_used_at < at - _USE_NOTED_EVERY:
        # At most one write a minute and key, also when several requests come to this at once.
        ApiKey.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lt=at - _USE_NOTED_EVERY), pk=record.pk
        ).update(last_used_at=at)
        record.last_used_at = at
    if record.rate_limit is not None:
        _request_take(record.pk, record.rate_limit)
    return record


def api_key_recognise(key: str, *, at: datetime, known_for: timedelta = timedelta(0)) -> ApiKey:
    """The record of a key that is good at that time, read at most ``known_for`` ago.

    Raises:
        ApiKeyUnknownError: it isn't. Who doesn't have the secret learns nothing more.
    """
    kind, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    record = None
    if kind == "le" and prefix.isalnum():
        record = _record_known(prefix, known_for) or _record_read(prefix)
    if record is None or record.revoked_at is not None or not _secret_good(record, secret, at):
        raise ApiKeyUnknownError("The API key is unknown or revoked.")
    if record.expires_at is not None and record.expires_at <= at:
        raise ApiKeyUnknownError("The API key has expired.")
    return record


def _record_known(prefix: str, known_for: timedelta) -> ApiKey | None:
    read_at, record = _records_known.get(prefix, (0.0, None))
    return record if time.monotonic() - read_at < known_for.total_seconds() else None


def _record_read(prefix: str) -> ApiKey | None:
    # The time before reading: what is read later is no older.
    now = time.monotonic()
    record = next(
        iter(ApiKey.objects.raw(sql_text("core", "api_key_find"), {"prefix": prefix})), None
    )
    if record is not None:
        _records_known[prefix] = now, record
    return record


def _settings_checked(
    *,
    scopes: Sequence[str],
    rate_limit: int | None,
    allowed_networks: Sequence[str],
    partner: str,
    expires_at: datetime | None,
) -> dict[str, Any]:
    unknown = [scope for scope in scopes if scope not in Scope.values]
    if unknown or not scopes:
        problem = f"unknown scope {unknown[0]!r}" if unknown else "no scope is given"
        raise ApiKeyError(f"{problem}; there is: {', '.join(Scope.values)}")
    if rate_limit is not None and not 1 <= rate_limit <= RATE_LIMIT_HIGHEST:
        raise ApiKeyError(f"rate_limit wants 1 to {RATE_LIMIT_HIGHEST} a minute, got {rate_limit}")
    if partner and not re.fullmatch(PARTNER_PATTERN, partner):
        raise ApiKeyError(
            f"partner wants small letters, digits, dots, dashes and underscores, got {partner!r}"
        )
    if expires_at is not None and timezone.is_naive(expires_at):
        raise ApiKeyError(f"expires_at wants a time zone, got {expires_at.isoformat()}")
    try:
        networks = networks_read(allowed_networks)
    except NetworkError as error:
        raise ApiKeyError(f"allowed_networks: {error}") from None
    return {
        "scopes": sorted(set(scopes)),
        "rate_limit": rate_limit,
        "allowed_networks": networks,
        "partner": partner,
        "expires_at": expires_at,
    }


def _locked(name: str) -> ApiKey:
    try:
        return ApiKey.objects.select_for_update().get(name=name)
    except ApiKey.DoesNotExist:
        raise ApiKeyError(f"there is no API key named {name!r}") from None


def _secret_good(record: ApiKey, secret: str, at: datetime) -> bool:
    digest = _digest(secret)
    if hmac.compare_digest(record.digest, digest):
        return True
    in_grace = record.previous_until is not None and at < record.previous_until
    return in_grace and hmac.compare_digest(record.previous_digest, digest)


def _request_take(api_key_id: int, rate_limit: int) -> None:
    # Whole microseconds, as the database keeps time. Rounding down makes a limit up to 1 % more
    # generous at its highest, and a burst exact: depth is the limit's worth of steps.
    step = _MINUTE // rate_limit
    depth = rate_limit * step
    taken = sql_rows(
        "core", "api_key_take", {"api_key_id": api_key_id, "step": step, "depth": depth}
    )
    if taken:
        return
    [(full_in,)] = sql_rows("core", "api_key_full_in", {"api_key_id": api_key_id})
    retry_after = max(1, ceil(full_in + (step - depth).total_seconds()))
    raise ApiKeyLimitError(
        f"The API key has used up its {rate_limit} requests a minute;"
        f" try again in {retry_after} s.",
        retry_after=retry_after,
        reset_after=max(retry_after, ceil(full_in)),
    )


def _key(prefix: str, secret: str) -> str:
    return f"le_{prefix}_{secret}"


def _digest(secret: str) -> str:
    # A plain hash is enough: the secret has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
