"""Many features of many customers at once, as of one moment or many."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.warehouse.features.registry import Feature, FeatureLeakageError, feature_get
from lifecycle_engine.warehouse.features.sources import SOURCES
from lifecycle_engine.warehouse.features.windows import epoch
from lifecycle_engine.warehouse.session import warehouse_session

_KEY = ("as_of", "customer_id")
# Where a value comes from other tables, or from the clock.
_BEYOND = (ops.Subquery, ops.TimestampNow, ops.DateNow)


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
        FeatureLeakageError: a feature reads more than the rows that it was given.
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
        return tables.execute(_joined(known, wanted, tables, moments).order_by(list(_KEY)))


def _known(people: ir.Table, tables: Tables, moments: Sequence[datetime]) -> ir.Table:
    """Who was a customer at each moment: was created before, or did something before.

    The second is for history that was imported later, whose customers are all created on that day.
    """
    # Of most, being created says it: only the others' events are looked at.
    late = people.filter(people.created_at >= _literal(min(moments)))
    events = tables.events.semi_join(late, [("customer_id", "id")])
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
    for number, source in enumerate(sorted({feature.source for feature in wanted})):
        together = [feature for feature in wanted if feature.source == source]
        # Under names of their own: so all joins make one statement, not each one around another.
        keys = {f"{key}_{number}": key for key in _KEY}
        numbers = _aggregated(together, tables, moments).rename(keys)
        frame = frame.left_join(numbers, [(key, renamed) for renamed, key in keys.items()])
    return frame.select(
        *_KEY,
        **{feature.name: frame[feature.name].coalesce(feature.missing) for feature in wanted},
    )


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
        **{feature.name: _computed(feature, source).cast("float64") for feature in together}
    )


def _computed(feature: Feature, source: ir.Table) -> ir.Scalar:
    """The feature over its source and nothing else: not another table, not the clock."""
    value = feature.aggregate(source)
    found = value.op()
    beyond = found.find(_BEYOND, filter=lambda op: not isinstance(op, ops.Relation))
    if beyond or not found.relations <= {source.op()}:
        raise FeatureLeakageError(
            f"Feature {feature.name!r} reads more than the rows of {feature.source!r} before the "
            f"moment, so it could see the future"
        )
    return value


def _before(rows: ir.Table, moment: datetime, days: int | None) -> ir.Table:
    """What happened before the moment, or in the ``days`` days before it, with its age then."""
    rows = rows.filter(rows.occurred_at < moment)
    if days is not None:
        rows = rows.filter(rows.occurred_at >= moment - timedelta(days=days))
    age = moment.timestamp() - epoch(rows.occurred_at)
    return rows.mutate(as_of=_literal(moment), age_seconds=age)


def _literal(moment: datetime) -> ir.TimestampScalar:
    return ibis.literal(moment, "timestamp('UTC')")
