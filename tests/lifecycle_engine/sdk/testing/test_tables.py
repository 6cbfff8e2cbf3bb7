"""The tables that plugins are tested with are like the engine's."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from lifecycle_engine.sdk.tables import json_text
from lifecycle_engine.sdk.testing.tables import MemoryTables
from lifecycle_engine.warehouse import schemas

NOW = datetime(2017, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "schema"),
    [("customers", schemas.CUSTOMERS), ("products", schemas.PRODUCTS), *schemas.LOG_TABLES.items()],
)
def test_have_the_columns_of_the_warehouse(name, schema):
    assert MemoryTables(as_of=NOW)[name].schema().to_pyarrow() == schema


def test_hold_only_what_happened_in_time():
    moments = [datetime(2017, 11, day, tzinfo=UTC) for day in (1, 10, 20)]
    tables = MemoryTables(
        as_of=datetime(2017, 11, 20, tzinfo=UTC),
        orders=[{"order_id": f"{m.day}", "occurred_at": m} for m in moments],
    )
    assert _orders(tables) == ["1", "10"]
    window = tables.window(datetime(2017, 11, 10, tzinfo=UTC), NOW)
    assert _orders(window) == ["10", "20"]
    assert window.as_of == NOW


def test_read_json():
    tables = MemoryTables(as_of=NOW, customers=[{"id": 1, "attributes": '{"a.b": "deep"}'}])
    found = tables.execute(
        tables.customers.select(text=json_text(tables.customers.attributes, "a.b"))
    )
    assert found == pa.table({"text": ["deep"]})


def test_refuse_a_column_that_the_engine_lacks():
    with pytest.raises(ValueError, match="No such columns: \\['prize'\\]"):
        MemoryTables(as_of=NOW, products=[{"sku": "a", "prize": 1.0}])


def _orders(tables):
    return tables.execute(tables.orders.order_by("order_id")).column("order_id").to_pylist()
