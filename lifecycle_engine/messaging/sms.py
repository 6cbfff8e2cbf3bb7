"""How many parts an SMS is charged as: GSM 03.38 and UCS-2."""

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Sent as an escape and a character, which must not be torn apart.
_EXTENDED = frozenset("\f^{}\\[~]|€")

_PART_BYTES = 140


@dataclass(frozen=True)
class SmsCount:
    """The encoding that a text needs, its length in that encoding's units, and its parts."""

    encoding: str
    units: int
    parts: int


def sms_count(text: str, *, header_bytes: int = 6) -> SmsCount:
    """Count a text's parts as the networks do.

    Args:
        text: the whole text, signature and opt-out line included.
        header_bytes: what the header of each part of a long message takes: 6 with an 8-bit
            reference, 7 with a 16-bit one.

    Source: 3GPP TS 23.038 (alphabets), 3GPP TS 23.040 §9.2.3.24 (concatenation).
    """
    if all(char in _BASIC or char in _EXTENDED for char in text):
        sizes = [2 if char in _EXTENDED else 1 for char in text]
        single, part = _PART_BYTES * 8 // 7, (_PART_BYTES - header_bytes) * 8 // 7
        return SmsCount("gsm7", sum(sizes), _parts(sizes, single, part))
    # Beyond the basic plane a character is two units, a surrogate pair.
    sizes = [2 if ord(char) > 0xFFFF else 1 for char in text]
    single, part = _PART_BYTES // 2, (_PART_BYTES - header_bytes) // 2
    return SmsCount("ucs2", sum(sizes), _parts(sizes, single, part))


def _parts(sizes: list[int], single: int, part: int) -> int:
    if sum(sizes) <= single:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts
