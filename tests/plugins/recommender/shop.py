"""A small shop with habits: what the recommender's tests are about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle_engine.sdk.testing.tables import MemoryTables
from plugins.recommender.config import NextProductsConfig

NOW = datetime(2017, 12, 1, tzinfo=UTC)
#: Few orders are enough in a small shop.
CONFIG = NextProductsConfig(co_purchase_orders=2)

PRODUCTS = {
    "bread": "GROCERY",
    "butter": "GROCERY",
    "caviar": "GROCERY",
    "fuel": "FUEL",
    "lentils": "GROCERY",
    "milk": "GROCERY",
    "paté": "DELI",
    "stamps": "Postal Center",
    "tofu": "NUTRITION",
    "wine": "SPIRITS",
}


class Shop:
    """Collects orders, then gives tables."""

    def __init__(self) -> None:
        self.unavailable: set[str] = set()
        self.languages: dict[int, str] = {}
        self._lines: list[dict[str, Any]] = []
        self._orders = 0

    def buys(self, customer_id: int, *skus: str, days_ago: float) -> None:
        """One order."""
        self._orders += 1
        self._lines += [
            {
                "event_id": f"event-{self._orders}",
                "order_id": f"order-{self._orders}",
                "customer_id": customer_id,
                "occurred_at": NOW - timedelta(days=days_ago),
                "sku": sku,
            }
            for sku in skus
        ]

    def tables(self, *, as_of: datetime = NOW) -> MemoryTables:
        """Everything so far; customer 99 never bought anything."""
        ids = sorted({line["customer_id"] for line in self._lines} | {99})
        return MemoryTables(
            as_of=as_of,
            customers=[{"id": i, "language": self.languages.get(i, "en")} for i in ids],
            products=[
                {
                    "sku": sku,
                    "name": sku.title(),
                    "department": department,
                    "available": sku not in self.unavailable,
                }
                for sku, department in PRODUCTS.items()
            ],
            order_lines=self._lines,
        )


def usual_shop() -> Shop:
    """Milk is popular, bread goes with butter, customer 1 buys tofu every two weeks."""
    shop = Shop()
    for customer_id in range(1, 9):
        shop.buys(customer_id, "milk", "fuel", "stamps", "unlisted", days_ago=customer_id)
    for days_ago in (5, 19, 33, 47):
        shop.buys(1, "tofu", days_ago=days_ago)
    for customer_id in (2, 3, 4):
        shop.buys(customer_id, "bread", "butter", days_ago=20 + customer_id)
    shop.buys(5, "bread", days_ago=12)
    shop.buys(6, "wine", "paté", days_ago=100)
    shop.buys(7, "caviar", days_ago=60)
    shop.buys(8, "lentils", days_ago=80)
    return shop
