"""What the apps below are told of coupons: the profile section and the warehouse's table."""

import pyarrow as pa

from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.customers.profile import profile_section
from lifecycle_engine.rewards.selectors import coupons_section
from lifecycle_engine.warehouse.registry import table_register

_MOMENT = pa.timestamp("us", tz="UTC")

COUPONS = pa.schema(
    {
        "id": pa.int64(),
        "customer_id": pa.int64(),
        "offer": pa.string(),
        "occasion": pa.string(),
        "state": pa.string(),
        "issued_at": _MOMENT,
        "expires_at": _MOMENT,
        "currency": pa.string(),
        "order_id": pa.string(),
        "redeemed_at": _MOMENT,
        "discount": pa.float64(),
    }
)

profile_section("coupons")(coupons_section)

table_register("coupons", schema=COUPONS, read=sql_text("rewards", "coupons_live"))
