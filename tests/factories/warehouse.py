"""A warehouse made of rows that a test gives, without a database or files."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from lifecycle_engine.warehouse import schemas
from lifecycle_engine.warehouse.engines.base import Engine
from tests.engines import engine_for

AS_OF = datetime(2017, 12, 1, tzinfo=UTC)
SCHEMAS = {"customers": schemas.CUSTOMERS, **schemas.LOG_TABLES}


class RowTables:
    """Tables that know also what is after ``as_of``, as a careless caller's might."""

    def __init__(self, engine: Engine, rows: Mapping[str, Sequence[Mapping[str, Any]]]):
        self.as_of = datetime(2030, 1, 1, tzinfo=UTC)
        self._engine = engine
        self._tables = {
            name: engine.live_table(name, pa.Table.from_pylist(rows.get(name, []), schema=schema))
            for name, schema in SCHEMAS.items()
        }

    def __getitem__(self, name: str) -> Any:
        return self._tables[name]

    def __getattr__(self, name: str) -> Any:
        return self._tables[name]

    def execute(self, expression: Any) -> pa.Table:
        return self._engine.execute(expression)


@contextmanager
def row_tables(folder: Any, **rows: Sequence[Mapping[str, Any]]) -> Iterator[RowTables]:
    engine = engine_for(folder)
    try:
        yield RowTables(engine, rows)
    finally:
        engine.close()


def customer(
    number: int, *, created_at: datetime = datetime(2017, 1, 1, tzinfo=UTC)
) -> dict[str, Any]:
    return {"id": number, "external_id": str(number), "attributes": "{}", "created_at": created_at}


def order(customer_id: int, at: datetime, *, number: int = 1, **values: Any) -> dict[str, Any]:
    return {
        "event_id": f"{number:06}",
        "order_id": str(number),
        "customer_id": customer_id,
        "occurred_at": at,
        "value": 10.0,
        "discount": 0.0,
        "coupon_discount": 0.0,
        "lines": 1,
        "quantity": 1.0,
        "store": "1",
    } | values


def line(customer_id: int, at: datetime, **values: Any) -> dict[str, Any]:
    return {
        "event_id": "1",
        "order_id": "1",
        "customer_id": customer_id,
        "occurred_at": at,
        "sku": "a",
        "quantity": 1.0,
        "price": 1.0,
        "value": 1.0,
        "discount": 0.0,
        "department": "d",
        "category": "c",
    } | values


def event(customer_id: int, at: datetime, name: str, **values: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "customer_id": customer_id,
        "source": "shop",
        "name": name,
        "occurred_at": at,
    } | values


def same(left: float, right: float) -> bool:
    """Whether two features say the same; NaN says the same as NaN."""
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
