"""The log's tables of some customers only, straight from PostgreSQL: they wait for no mirror."""

from collections.abc import Collection
from datetime import datetime
from functools import cached_property

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle_engine.core.bulk import arrow_read
from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.warehouse.baskets import Baskets, baskets_read
from lifecycle_engine.warehouse.engines.base import Engine
from lifecycle_engine.warehouse.registry import ids_among, table_get
from lifecycle_engine.warehouse.schemas import EVENTS, TIME


class CustomersLog:
    """Events of some customers, and their orders made by the same statements as the mirror's.

    The events are read once, whatever the window.

    Args:
        engine: computes what is asked of them.
        profile_ids: the customers and the profiles that are part of them.
    """

    def __init__(self, engine: Engine, profile_ids: Collection[int]) -> None:
        self._engine = engine
        self._profile_ids = profile_ids
        self._tables: dict[tuple[str, datetime | None, datetime], ir.Table] = {}

    def table(self, name: str, *, start: datetime | None, end: datetime) -> ir.Table:
        """A table of the log with ``start <= occurred_at < end``."""
        # Bounded here and not by a filter in the expression: every rule would have to compile it.
        if (name, start, end) not in self._tables:
            rows = self._events if name == "events" else getattr(self._baskets, name)
            inside = pc.less(rows["occurred_at"], pa.scalar(end, TIME))
            if start is not None:
                since = pc.greater_equal(rows["occurred_at"], pa.scalar(start, TIME))
                inside = pc.and_(inside, since)
            table = self._engine.live_table(name, rows.filter(inside))
            self._tables[name, start, end] = table
        return self._tables[name, start, end]

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
