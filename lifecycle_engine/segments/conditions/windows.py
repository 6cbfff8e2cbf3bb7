"""What conditions over happenings share: windows, bounds, and set membership."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Annotated, Any

import ibis
import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pydantic import Field, StrictInt

from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.tables import Tables

Days = Annotated[StrictInt, Field(ge=1, le=3660)]


class Window(Config):
    """How far back to look: the last so many times 24 hours, or all that is known."""

    days: Days | None = Field(default=None, title="Days", description="Empty for all time.")


def within(tables: Tables, happenings: ir.Table, days: int | None) -> ir.Table:
    """The rows of the last so many days; the window's first moment belongs to it."""
    if days is None:
        return happenings
    return happenings.filter(happenings.occurred_at >= moment(tables, days))


def moment(tables: Tables, days: int) -> ir.TimestampScalar:
    """The moment that many times 24 hours before ``as_of``."""
    return literal_moment(tables.as_of - timedelta(days=days))


def literal_moment(at: datetime) -> ir.TimestampScalar:
    """A moment as the engines compare it."""
    found: ir.TimestampScalar = ibis.literal(at, type="timestamp('UTC', 6)")
    return found


def crossed(
    tables: Tables, moments: ir.TimestampColumn, since: datetime, ages: Iterable[int | None] = ()
) -> ir.BooleanValue:
    """Whether a moment passed one of these ages in days, or became past, since then.

    An age that is None is never reached. Both ends count, so that nobody who keeps an edge inside
    or outside has to care.
    """
    passed = [0, *(age for age in ages if age is not None)]
    return reduce(
        or_,
        [
            moments.between(
                literal_moment(since - timedelta(days=age)),
                literal_moment(tables.as_of - timedelta(days=age)),
            )
            for age in passed
        ],
    )


def own(table: ir.Table, customers: ir.Table) -> ir.Table:
    """The rows of a table that are about these customers."""
    return table.semi_join(customers, table.customer_id == customers.id)


def crossing(
    tables: Tables, happenings: ir.Table, since: datetime, ages: Iterable[int | None] = ()
) -> ir.Table:
    """Customers of the rows whose moment passed an age; what ``Condition.expiring`` wants."""
    passed = happenings.filter(crossed(tables, happenings.occurred_at, since, ages))
    return passed.select("customer_id")


def among(customers: ir.Table, customer_ids: ir.Column) -> ir.BooleanValue:
    """Whether a customer's id is in a column of another table."""
    # A null among the ids would make "not in" unknown for everybody.
    return customers.id.isin(customer_ids.as_table().drop_null()[customer_ids.get_name()])


def window_words(days: int | None) -> str:
    """The window in words, with a leading blank; nothing for all time."""
    if days is None:
        return ""
    return " " + ngettext("in the last %(days)s day", "in the last %(days)s days", days) % {
        "days": days
    }


def times_words(count: int) -> str:
    """So many times, in words."""
    return ngettext("%(count)s time", "%(count)s times", count) % {"count": count}


def bounds_words(at_least: object, at_most: object) -> str:
    """One or two bounds in words."""
    words = {"at_least": at_least, "at_most": at_most}
    if at_most is None:
        return _("at least %(at_least)s") % words
    if at_least is None:
        return _("at most %(at_most)s") % words
    return _("at least %(at_least)s and at most %(at_most)s") % words


def bounds_check(**bounds: Any) -> None:
    """See that one of two bounds is given, and that the lower one, named first, is not above.

    Raises:
        ValueError: neither is, or it is; the message names them.
    """
    (low_name, low), (high_name, high) = bounds.items()
    if low is None and high is None:
        raise ValueError(f"{low_name} or {high_name} is missing")
    if low is not None and high is not None and low > high:
        raise ValueError(f"{low_name} {low} is more than {high_name} {high}")
