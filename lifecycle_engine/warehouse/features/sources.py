"""The tables that features aggregate: those of the warehouse, and what is worked out from them."""

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.windows import age_days, hour_utc, within

#: From the rows of many customers before many moments to the rows that features aggregate.
Derive = Callable[[ir.Table], ir.Table]

_CUSTOMER = ("as_of", "customer_id")
_YEAR = 365


def _same(rows: ir.Table) -> ir.Table:
    return rows


def _order_sequence(orders: ir.Table) -> ir.Table:
    """Orders with their place in the customer's sequence.

    ``position`` is 0 for the newest; ``gap_days`` is the time since the order before, null for the
    first. Orders of one moment are put in the order of their ids, so that the result is always the
    same.
    """
    forth = ibis.window(group_by=_CUSTOMER, order_by=[orders.occurred_at, orders.event_id])
    back = ibis.window(
        group_by=_CUSTOMER,
        order_by=[ibis.desc(orders.occurred_at), ibis.desc(orders.event_id)],
    )
    return orders.select(
        *_CUSTOMER,
        "age_seconds",
        "value",
        position=ibis.row_number().over(back),
        gap_days=age_days(orders.age_seconds.lag().over(forth) - orders.age_seconds),
    )


def _order_hours(orders: ir.Table) -> ir.Table:
    """How many ``orders`` of the last year were placed in each hour of the day, in UTC."""
    year = orders.filter(within(orders, _YEAR)).mutate(hour=hour_utc)
    return year.group_by(*_CUSTOMER, "hour").aggregate(orders=year.count())


def _bought(column: str) -> Derive:
    """The order lines of the last year by what is in a column: how many, and when last and first.

    ``age_seconds`` is that of the newest line, so that a window holds the kinds that were bought
    in it, each once: counting them takes no set of values for each customer.
    """

    def derive(lines: ir.Table) -> ir.Table:
        year = lines.filter(within(lines, _YEAR) & lines[column].notnull())
        return year.group_by(*_CUSTOMER, column).aggregate(
            lines=year.count(),
            age_seconds=year.age_seconds.min(),
            oldest_age_seconds=year.age_seconds.max(),
        )

    return derive


#: A source by name: the table of the warehouse that it is made from, and how.
SOURCES: dict[str, tuple[str, Derive]] = {
    "orders": ("orders", _same),
    "order_sequence": ("orders", _order_sequence),
    "order_hours": ("orders", _order_hours),
    "order_lines": ("order_lines", _same),
    "products_bought": ("order_lines", _bought("sku")),
    "departments_bought": ("order_lines", _bought("department")),
    "categories_bought": ("order_lines", _bought("category")),
    "events": ("events", _same),
}
