"""Coupon codes: how they are made, and how a typed one is read."""

import secrets

#: Digits and capitals without I, L, O and U, which people confuse or read as words: 5 bits each.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12  # 60 bits: a guess hits one of a million live codes once in 10^12 tries.

_READ_AS = str.maketrans("OIL", "011", " -")


def code_generate() -> str:
    """A fresh code of 60 random bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def code_normalise(typed: str) -> str:
    """A code as it is stored, from what somebody typed: any case, O for 0, with dashes.

    What can't be a code becomes the empty string, which no coupon has.
    """
    read = typed.strip().upper().translate(_READ_AS)
    return read if set(read) <= set(ALPHABET) else ""
