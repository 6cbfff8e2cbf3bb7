"""Figures in words, for pages."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def count_words(count: int, *, counted_to: int) -> str:
    """A count that stopped somewhere; where it did, a plus says so."""
    shown = number_format(count, use_l10n=True, force_grouping=True)
    return f"{shown}+" if count >= counted_to else shown


def duration_words(seconds: float) -> str:
    """A length of time in its largest unit of which there are at least two, rounded down."""
    if seconds < 2 * _MINUTE:
        return _("%(count)d s") % {"count": seconds}
    if seconds < 2 * _HOUR:
        return _("%(count)d min") % {"count": seconds // _MINUTE}
    if seconds < 2 * _DAY:
        return _("%(count)d h") % {"count": seconds // _HOUR}
    return _("%(count)d days") % {"count": seconds // _DAY}
