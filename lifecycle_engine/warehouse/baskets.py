"""From the log's rows to orders and order lines, set-wise."""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.warehouse.schemas import ORDER_LINES, ORDERS

_FINITE = "CREATE TEMP MACRO finite(number) AS CASE WHEN isfinite(number) THEN number END"


@dataclass(frozen=True)
class Baskets:
    """What a batch of events says about orders."""

    orders: pa.Table
    order_lines: pa.Table


def baskets_read(events: pa.Table) -> Baskets:
    """Take the ``Order Completed`` among the events apart; see ``schemas`` for the columns."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_FINITE)
        connection.register("events", events)
        connection.execute(sql_text("warehouse", "mirror_baskets"))
        lines = connection.sql(sql_text("warehouse", "mirror_order_lines")).to_arrow_table()
        connection.register("order_lines", lines)
        orders = connection.sql(sql_text("warehouse", "mirror_orders")).to_arrow_table()
    return Baskets(orders.cast(ORDERS), lines.cast(ORDER_LINES))
