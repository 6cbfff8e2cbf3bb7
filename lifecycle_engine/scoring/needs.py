"""What training needs and what there is, as staff read it."""

from collections.abc import Iterable

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy

from lifecycle_engine.scoring.errors import Need

_WORDS = {
    "customers": gettext_lazy("customers: %(wanted)s needed, %(found)s there"),
    "classes": gettext_lazy("classes that came true: %(wanted)s needed, %(found)s there"),
    "positives": gettext_lazy("customers of whom it came true: %(wanted)s needed, %(found)s there"),
    "negatives": gettext_lazy(
        "customers of whom it did not come true: %(wanted)s needed, %(found)s there"
    ),
    "days": gettext_lazy("days of orders: %(wanted)s needed, %(found)s there"),
    "memory": gettext_lazy("MiB of free memory: %(wanted)s needed, %(found)s there"),
}


def needs_told(needs: Iterable[Need]) -> str:
    """All of them with both numbers, in the reader's language."""
    return ", ".join(
        str(_WORDS[need.what])
        % {"wanted": number_format(need.wanted), "found": number_format(need.found)}
        for need in needs
    )
