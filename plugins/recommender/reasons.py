"""Why a product is recommended, in a few words to the customer in the customer's language."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext


def reason_again(*, orders: float, days: float) -> str:
    """The customer has bought it before.

    Args:
        orders: how many of the customer's orders held it, at least one.
        days: days between the first and the last of them.
    """
    if orders < 2 or days <= 0:
        return gettext("You bought it before")
    gap = max(round(days / (orders - 1)), 1)
    return ngettext("You buy it about every day", "You buy it about every %(days)d days", gap) % {
        "days": gap
    }


def reason_together(*, name: str) -> str:
    """It goes with a product of that name, which the customer buys."""
    return gettext("Bought with %(product)s") % {"product": name}


def reason_popular() -> str:
    """Many customers buy it."""
    return gettext("Popular now")
