"""Many features of many customers at once, as of one moment or many."""

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

_KEY = ("as_of", "customer_id")


def features_frame(
    *,
    names: Sequence[str],
    as_of: datetime,
    customer_ids: Sequence[int] | None = None,
    tables: Tables | None = None,
) -> pa.Table:
    """One row per customer, one column per feature, as of a moment.

    Like ``features_frames`` for one moment, without the column ``as_of``.
    """
    return features_frames(
        names=names, moments=[as_of], customer_ids=customer_ids, tables=tables
    ).drop_columns("as_of")


def features_frames(
    *,
    names: Sequence[str],
    moments: Sequence[datetime],
    customer_ids: Sequence[int] | None = None,
    tables: Tables | None = None,
) -> pa.Table:
    """One row per moment and customer, one column per feature.

    Only what happened before its moment counts in a row, also where the tables know more. All
    features of one source are computed in one pass over its rows, for all moments.

    Args:
        names: the features wanted, in the order of the columns.
        moments: the points in time, at least one, all different.
        customer_ids: leaves all others out. At each moment, too, only those count who were
            customers then: created, or with an event, before it.
        tables: the tables to read, and whose customers to take. By default the warehouse's, without
            the customers who object to profiling.

    Returns:
        ``as_of`` (timestamp) and ``customer_id`` (int64), ascending, then the features (float64). A
        feature that does not exist for a customer, such as the recency of one who never bought, is
        NaN.

    Raises:
        UnknownFeatureError: a name is unknown; the message names it.
    """
    wanted = [feature_get(name) for name in dict.fromkeys(names)]
    with ExitStack() as stack:
        if tables is None:
            opened = stack.enter_context(warehouse_session(as_of=max(moments)))
            people = opened.customers.anti_join(
                opened["profiling_objections"], [("id", "customer_id")]
            )
            tables = opened
        else:
            people = tables.customers
        if customer_ids is not None:
            chosen = ibis.memtable(pa.table({"id": pa.array(customer_ids, pa.int64())}))
            people = people.semi_join(chosen, "id")
        known = _known(people, tables, moments)
        found = tables.execute(_joined(known, wanted, tables, moments).order_by(list(_KEY)))
    return _filled(found, wanted)


def _known(people: ir.Table, tables: Tables, moments: Sequence[datetime]) -> ir.Table:
    """Who was a customer at each moment: was created before, or did something before.

    The second is for history that was imported later, whose customers are all created on that day.
    """
    events = tables.events
    first = events.group_by("customer_id").aggregate(first_event=events.occurred_at.min())
    since = people.left_join(first, people.id == first.customer_id).select(
        customer_id=people.id, since=ibis.least(people.created_at, first.first_event)
    )
    known = (
        since.filter(since.since < moment).select("customer_id", as_of=_literal(moment))
        for moment in moments
    )
    return ibis.union(*known)


def _joined(
    known: ir.Table, wanted: Sequence[Feature], tables: Tables, moments: Sequence[datetime]
) -> ir.Table:
    frame = known
    for source in sorted({feature.source for feature in wanted}):
        together = [feature for feature in wanted if feature.source == source]
        numbers = _aggregated(together, tables, moments)
        frame = frame.left_join(numbers, list(_KEY)).drop(*(f"{name}_right" for name in _KEY))
    return frame.select(*_KEY, *(feature.name for feature in wanted))


def _aggregated(
    together: Sequence[Feature], tables: Tables, moments: Sequence[datetime]
) -> ir.Table:
    """All features of one source, in one pass."""
    name, derive = SOURCES[together[0].source]
    windows = [feature.window_days for feature in together if feature.window_days is not None]
    # Where nobody looks further back, older files need not be read.
    days = max(windows) if len(windows) == len(together) else None
    source = derive(ibis.union(*(_before(tables[name], moment, days) for moment in moments)))
    return source.group_by(list(_KEY)).aggregate(
        **{feature.name: feature.aggregate(source).cast("float64") for feature in together}
    )


def _before(rows: ir.Table, moment: datetime, days: int | None) -> ir.Table:
    """What happened before the moment, or in the ``days`` days before it, with its age then."""
    rows = rows.filter(rows.occurred_at < moment)
    if days is not None:
        rows = rows.filter(rows.occurred_at >= moment - timedelta(days=days))
    age = int(moment.timestamp()) - rows.occurred_at.epoch_seconds()
    return rows.mutate(as_of=_literal(moment), age_seconds=age)


def _literal(moment: datetime) -> ir.TimestampScalar:
    return ibis.literal(moment, "timestamp('UTC')")


def _filled(found: pa.Table, wanted: Sequence[Feature]) -> pa.Table:
    columns = {name: found[name] for name in _KEY}
    for feature in wanted:
        missing = feature.missing if feature.is_zero_when_missing else math.nan
        columns[feature.name] = pc.fill_null(found[feature.name], missing)
    return pa.table(columns)
