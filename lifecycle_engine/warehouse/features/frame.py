"""Many features of many customers at once."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.warehouse.features.registry import Feature, feature_get
from lifecycle_engine.warehouse.features.sources import SOURCES
from lifecycle_engine.warehouse.session import warehouse_session


def features_frame(
    *,
    names: Sequence[str],
    as_of: datetime,
    customer_ids: Sequence[int] | None = None,
    tables: Tables | None = None,
) -> pa.Table:
    """One row per customer, one column per feature, as of a point in time.

    Only what happened before ``as_of`` counts, also where the tables know more. All features of one
    source are computed in one pass over its rows.

    Args:
        names: the features wanted, in the order of the columns.
        as_of: the point in time.
        customer_ids: leaves all others out; of these, too, only those who were customers then:
            created, or with an event, before ``as_of``.
        tables: the tables to read, and whose customers to take. By default the warehouse's, without
            the customers who object to profiling.

    Returns:
        ``customer_id`` (int64), ascending, then the features (float64). A feature that does not
        exist for a customer, such as the recency of one who never bought, is NaN.

    Raises:
        UnknownFeatureError: a name is unknown; the message names it.
    """
    wanted = [feature_get(name) for name in dict.fromkeys(names)]
    with ExitStack() as stack:
        if tables is None:
            opened = stack.enter_context(warehouse_session(as_of=as_of))
            people = opened.customers.anti_join(
                opened["profiling_objections"], [("id", "customer_id")]
            )
            tables = opened
        else:
            people = tables.customers
        people = _known(people, tables, as_of)
        if customer_ids is not None:
            chosen = ibis.memtable(pa.table({"customer_id": pa.array(customer_ids, pa.int64())}))
            people = people.semi_join(chosen, "customer_id")
        found = tables.execute(_joined(people, wanted, tables, as_of).order_by("customer_id"))
    return _filled(found, wanted)


def _known(people: ir.Table, tables: Tables, as_of: datetime) -> ir.Table:
    """Who was a customer by then: was created before, or did something before.

    The second is for history that was imported later, whose customers are all created on that day.
    """
    active = tables.events.filter(tables.events.occurred_at < as_of).select("customer_id")
    created = people.filter(people.created_at < as_of).select(customer_id="id")
    imported = people.select(customer_id="id").semi_join(active, "customer_id")
    return created.union(imported, distinct=True)


def _joined(
    people: ir.Table, wanted: Sequence[Feature], tables: Tables, as_of: datetime
) -> ir.Table:
    frame = people
    for source in sorted({feature.source for feature in wanted}):
        together = [feature for feature in wanted if feature.source == source]
        numbers = _aggregated(together, tables, as_of)
        frame = frame.left_join(numbers, "customer_id").drop("customer_id_right")
    return frame.select("customer_id", *(feature.name for feature in wanted))


def _aggregated(together: Sequence[Feature], tables: Tables, as_of: datetime) -> ir.Table:
    """All features of one source, in one pass."""
    name, derive = SOURCES[together[0].source]
    rows = tables[name].filter(tables[name].occurred_at < as_of)
    windows = [feature.window_days for feature in together if feature.window_days is not None]
    if len(windows) == len(together):
        # Nobody looks further back, so older files need not be read.
        rows = rows.filter(rows.occurred_at >= as_of - timedelta(days=max(windows)))
    source = derive(rows)
    return source.group_by("customer_id").aggregate(
        **{feature.name: feature.aggregate(source, as_of).cast("float64") for feature in together}
    )


def _filled(found: pa.Table, wanted: Sequence[Feature]) -> pa.Table:
    columns = {"customer_id": found["customer_id"]}
    for feature in wanted:
        missing = feature.missing if feature.is_zero_when_missing else math.nan
        columns[feature.name] = pc.fill_null(found[feature.name], missing)
    return pa.table(columns)
