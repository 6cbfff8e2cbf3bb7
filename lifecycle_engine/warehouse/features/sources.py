"""The tables that features aggregate: those of the warehouse, and what is worked out from them."""

from collections.abc import Callable

import ibis
import ibis.expr.types as ir


def _same(rows: ir.Table) -> ir.Table:
    return rows


def _order_sequence(orders: ir.Table) -> ir.Table:
    """Orders with their place in the customer's sequence.

    ``position`` is 0 for the newest; ``gap_days`` is the time since the order before, null for the
    first. Orders of one moment are put in the order of their ids, so that the result is always the
    same.
    """
    customer = ["as_of", "customer_id"]
    forth = ibis.window(group_by=customer, order_by=[orders.occurred_at, orders.event_id])
    back = ibis.window(
        group_by=customer,
        order_by=[ibis.desc(orders.occurred_at), ibis.desc(orders.event_id)],
    )
    seconds = orders.occurred_at.epoch_seconds()
    return orders.select(
        *customer,
        "age_seconds",
        "value",
        position=ibis.row_number().over(back),
        gap_days=(seconds - seconds.lag().over(forth)).cast("float64") / 86_400.0,
    )


#: A source by name: the table of the warehouse that it is made from, and how.
SOURCES: dict[str, tuple[str, Callable[[ir.Table], ir.Table]]] = {
    "orders": ("orders", _same),
    "order_sequence": ("orders", _order_sequence),
    "order_lines": ("order_lines", _same),
    "events": ("events", _same),
}
