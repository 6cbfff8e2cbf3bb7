"""The log's tables of some customers only, straight from PostgreSQL: they wait for no mirror."""

from collections.abc import Collection
from datetime import datetime
from functools import cached_property

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle_engine.core.bulk import arrow_read
from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.warehouse.baskets import Baskets, baskets_read
from lifecycle_engine.warehouse.engines.base import Engine
from lifecycle_engine.warehouse.registry import ids_among, table_get
from lifecycle_engine.warehouse.schemas import EVENTS


class CustomersLog:
    """Events of some customers, and their orders made by the same statements as the mirror's.

    Each table is read once, whatever the window.

    Args:
        engine: computes what is asked of them.
        profile_ids: the customers and the profiles that are part of them.
    """

    def __init__(self, engine: Engine, profile_ids: Collection[int]) -> None:
        self._engine = engine
        self._profile_ids = profile_ids
        self._tables: dict[str, ir.Table] = {}

    def table(self, name: str, *, start: datetime | None, end: datetime) -> ir.Table:
        """A table of the log with ``start <= occurred_at < end``."""
        if name not in self._tables:
            rows = self._events if name == "events" else getattr(self._baskets, name)
            self._tables[name] = self._engine.live_table(name, rows)
        table = self._tables[name]
        table = table.filter(table.occurred_at < _moment(end))
        return table if start is None else table.filter(table.occurred_at >= _moment(start))

    @cached_property
    def _events(self) -> pa.Table:
        statement = sql_text("warehouse", "mirror_batch")
        events = arrow_read(f"{statement} customer_id {ids_among(self._profile_ids)}").cast(EVENTS)
        merged = table_get("merged_profiles").rows(profile_ids=self._profile_ids)
        if not merged.num_rows:
            return events
        place = pc.index_in(events["customer_id"], value_set=merged["profile_id"])
        roots = pc.coalesce(merged["root_id"].take(place), events["customer_id"])
        column = events.schema.get_field_index("customer_id")
        return events.set_column(column, EVENTS.field("customer_id"), roots)

    @cached_property
    def _baskets(self) -> Baskets:
        return baskets_read(self._events)


def _moment(at: datetime) -> ir.TimestampScalar:
    return ibis.literal(at, type="timestamp('UTC', 6)")
