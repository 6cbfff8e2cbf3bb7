"""The columns of the built-in tables."""

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")

CUSTOMERS = pa.schema(
    {
        "id": pa.int64(),
        "external_id": pa.string(),
        "email_hash": pa.string(),
        "phone_hash": pa.string(),
        "first_name": pa.string(),
        "last_name": pa.string(),
        "language": pa.string(),
        "time_zone": pa.string(),
        "country": pa.string(),
        "attributes": pa.string(),
        "created_at": TIME,
    }
)

PRODUCTS = pa.schema(
    {
        "sku": pa.string(),
        "name": pa.string(),
        "brand": pa.string(),
        "department": pa.string(),
        "category": pa.string(),
        "price": pa.float64(),
        "available": pa.bool_(),
    }
)

MERGED_PROFILES = pa.schema({"profile_id": pa.int64(), "root_id": pa.int64()})

PROFILING_OBJECTIONS = pa.schema({"customer_id": pa.int64()})

EVENTS = pa.schema(
    {
        "id": pa.string(),
        "customer_id": pa.int64(),
        "source": pa.string(),
        "name": pa.string(),
        "properties": pa.string(),
        "value": pa.float64(),
        "currency": pa.string(),
        "product_sku": pa.string(),
        "category": pa.string(),
        "campaign": pa.string(),
        "occurred_at": TIME,
        "received_at": TIME,
    }
)

ORDERS = pa.schema(
    {
        "event_id": pa.string(),
        "order_id": pa.string(),
        "customer_id": pa.int64(),
        "occurred_at": TIME,
        "value": pa.float64(),
        "currency": pa.string(),
        "discount": pa.float64(),
        "coupon_discount": pa.float64(),
        "lines": pa.int32(),
        "quantity": pa.float64(),
        "store": pa.string(),
    }
)

ORDER_LINES = pa.schema(
    {
        "event_id": pa.string(),
        "order_id": pa.string(),
        "customer_id": pa.int64(),
        "occurred_at": TIME,
        "sku": pa.string(),
        "quantity": pa.float64(),
        "price": pa.float64(),
        "value": pa.float64(),
        "discount": pa.float64(),
        "department": pa.string(),
        "category": pa.string(),
    }
)

#: The tables that the mirror writes, by name. All have ``customer_id`` and ``occurred_at``.
LOG_TABLES = {"events": EVENTS, "orders": ORDERS, "order_lines": ORDER_LINES}
