"""Figures as pages show them."""

from django.utils.formats import number_format


def count_shown(value: float) -> str:
    """A number of things, in the reader's language."""
    return number_format(round(value), use_l10n=True, force_grouping=True)


def share_shown(share: float) -> str:
    """A share of 1 in per cent."""
    return f"{100 * share:.1f} %"
