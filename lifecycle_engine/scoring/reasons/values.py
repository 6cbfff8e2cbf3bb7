"""Values of features in words: days, numbers of things, amounts, shares."""

from collections.abc import Callable

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

#: Writes a value in the reader's language.
Written = Callable[[float], str]


def number(value: float) -> str:
    """A number with as many digits as say something."""
    digits = 0 if abs(value) >= 10 or round(value, 1) == round(value) else 1
    return number_format(value, decimal_pos=digits, use_l10n=True, force_grouping=True)


def days(value: float) -> str:
    """A length of time in days."""
    if 0 <= value < 1:
        return _("less than a day")
    return ngettext("%(number)s day", "%(number)s days", _count(value)) % {"number": number(value)}


def money(value: float) -> str:
    """An amount in the shop's currency."""
    return number_format(value, decimal_pos=2, use_l10n=True, force_grouping=True)


def share(value: float) -> str:
    """A part of 1 in per cent."""
    return f"{number_format(100 * value, decimal_pos=0, use_l10n=True)} %"


def chance(value: float) -> str:
    """A probability in per cent, with more digits the closer it is to 0 or 1."""
    apart = min(value, 1 - value)
    digits = 0 if apart >= 0.1 or apart == 0 else 1 if apart >= 0.01 else 2
    return f"{number_format(100 * value, decimal_pos=digits, use_l10n=True)} %"


def ratio(value: float) -> str:
    """A quotient."""
    return number_format(value, decimal_pos=2, use_l10n=True)


def orders(value: float) -> str:
    """A number of orders."""
    return ngettext("%(number)s order", "%(number)s orders", _count(value)) % _number(value)


def coupon_orders(value: float) -> str:
    """A number of orders with a coupon."""
    return ngettext(
        "%(number)s order with a coupon", "%(number)s orders with a coupon", _count(value)
    ) % _number(value)


def lines(value: float) -> str:
    """A number of lines of an order."""
    return ngettext("%(number)s line", "%(number)s lines", _count(value)) % _number(value)


def pieces(value: float) -> str:
    """A number of pieces."""
    return ngettext("%(number)s piece", "%(number)s pieces", _count(value)) % _number(value)


def stores(value: float) -> str:
    """A number of stores."""
    return ngettext("%(number)s store", "%(number)s stores", _count(value)) % _number(value)


def weeks(value: float) -> str:
    """A number of weeks."""
    return ngettext("%(number)s week", "%(number)s weeks", _count(value)) % _number(value)


def products(value: float) -> str:
    """A number of products."""
    return ngettext(
        "%(number)s different product", "%(number)s different products", _count(value)
    ) % _number(value)


def departments(value: float) -> str:
    """A number of departments."""
    return ngettext("%(number)s department", "%(number)s departments", _count(value)) % _number(
        value
    )


def categories(value: float) -> str:
    """A number of categories."""
    return ngettext("%(number)s category", "%(number)s categories", _count(value)) % _number(value)


def times(value: float) -> str:
    """How often."""
    return ngettext("%(number)s time", "%(number)s times", _count(value)) % _number(value)


def _number(value: float) -> dict[str, str]:
    return {"number": number(value)}


def _count(value: float) -> int:
    """What decides between singular and plural: 1.5 orders are several."""
    return round(value) if round(value, 1) == round(value) else 2
