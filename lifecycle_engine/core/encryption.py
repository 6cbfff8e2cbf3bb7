"""Personal data at rest: encrypted where it is kept, and a keyed hash where it is looked up."""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.crypto import salted_hmac

#: A keyed hash has so many hexadecimal digits.
HASH_LENGTH = 64


class DecryptionError(Exception):
    """What is stored was not encrypted with any of the keys."""


def encrypt(text: str) -> str:
    """The text as a Fernet token of the first key; an empty text stays empty.

    Fernet is AES-128-CBC with HMAC-SHA256 (https://github.com/fernet/spec). The same text gives
    another token each time, so that tokens say nothing about who shares a value.
    """
    return _fernet().encrypt(text.encode()).decode() if text else ""


def decrypt(token: str) -> str:
    """The text of a token of any of the keys.

    Raises:
        DecryptionError: no key fits.
    """
    if not token:
        return ""
    try:
        return _fernet().decrypt(token).decode()
    except InvalidToken:
        raise DecryptionError(
            "A stored value can't be decrypted: ENCRYPTION_KEYS lacks the key that it was "
            "encrypted with"
        ) from None


def keyed_hash(purpose: str, text: str) -> str:
    """A hash that can be computed with our key only, so that a list of hashes names nobody.

    HMAC-SHA256 (RFC 2104) in hexadecimal. Hashes for different purposes can't be compared.
    """
    return salted_hmac(purpose, text, secret=settings.HASH_KEY, algorithm="sha256").hexdigest()


def _fernet() -> MultiFernet:
    return _fernet_of(tuple(settings.ENCRYPTION_KEYS), settings.SECRET_KEY)


@lru_cache(maxsize=4)
def _fernet_of(keys: tuple[str, ...], secret: str) -> MultiFernet:
    # The key derived from SECRET_KEY stays good, for what was written before there were others.
    return MultiFernet([*map(Fernet, keys), Fernet(_derived(secret))])


def _derived(secret: str) -> bytes:
    """A Fernet key from the secret key, by HKDF (RFC 5869)."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"lifecycle_engine.core.encryption")
    return base64.urlsafe_b64encode(kdf.derive(secret.encode()))
