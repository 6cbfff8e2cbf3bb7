"""A small shop with a few months of orders, made up, for checks that need one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from lifecycle_engine.sdk.testing.tables import MemoryTables

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
_DEPARTMENTS = ("Grocery", "Bakery", "Drinks", "Household")


def shop_tables(
    *, customers: int = 40, products: int = 24, as_of: datetime = AS_OF, seed: int = 7
) -> MemoryTables:
    """Customers who order about once a week, each from products of their own liking.

    Args:
        customers: how many; the last one never ordered.
        products: how many; the last one is not available.
        as_of: the shop's present.
        seed: equal seeds give equal shops.
    """
    rng = np.random.default_rng(seed)
    lines: list[dict[str, Any]] = []
    orders: list[dict[str, Any]] = []
    for customer in range(1, customers):
        ago, liking = float(rng.uniform(1, 30)), int(rng.integers(products))
        while ago < 120:
            order = {
                "event_id": f"event-{len(orders)}",
                "order_id": f"order-{len(orders)}",
                "customer_id": customer,
                "occurred_at": as_of - timedelta(days=ago),
            }
            bought = {int((liking + step) % products) for step in rng.integers(0, 6, size=3)}
            orders.append({**order, "value": 5.0 * len(bought), "lines": len(bought)})
            lines += [
                {**order, "sku": f"sku-{sku}", "quantity": 1.0, "price": 5.0, "value": 5.0}
                for sku in sorted(bought)
            ]
            ago += float(rng.uniform(3, 11))
    return MemoryTables(
        as_of=as_of,
        customers=[
            {"id": number, "language": "en", "country": "US", "created_at": as_of}
            for number in range(1, customers + 1)
        ],
        products=[
            {
                "sku": f"sku-{number}",
                "name": f"Product {number}",
                "department": _DEPARTMENTS[number % len(_DEPARTMENTS)],
                "price": 5.0,
                "available": number + 1 < products,
            }
            for number in range(products)
        ],
        orders=orders,
        order_lines=lines,
    )
