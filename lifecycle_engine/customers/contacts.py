"""Ways to reach a customer, as they are looked up: keyed hashes that say nothing to others."""

import re

from lifecycle_engine.core.encryption import keyed_hash

_NO_DIGIT = re.compile(r"[^0-9]")


def email_hash(email: str) -> str:
    """The keyed hash of an e-mail address, equal for all spellings in capitals; "" for none."""
    spelling = email.strip().casefold()
    return keyed_hash("lifecycle_engine.customers.email", spelling) if spelling else ""


def phone_hash(phone: str) -> str:
    """The keyed hash of a telephone number, whatever stands between its digits; "" for none."""
    spelling = _NO_DIGIT.sub("", phone)
    return keyed_hash("lifecycle_engine.customers.phone", spelling) if spelling else ""
