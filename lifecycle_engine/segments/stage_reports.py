"""Who moved between stages, and recency by frequency: what pages show of the whole base."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from lifecycle_engine.segments.stage_models import StageThresholds
from lifecycle_engine.segments.stages import stages_expression
from lifecycle_engine.warehouse.session import SessionTables, warehouse_session

#: Scores from 1 to so many, as Hughes has them ("Strategic Database Marketing", 1994).
RFM_SCORES = 5
#: Frequency and value are those of so many days.
RFM_DAYS = 365


@dataclass(frozen=True)
class StageFlow:
    """How many customers were in one stage and are in another; no first one: they are new."""

    start: str
    end: str
    customers: int


@dataclass(frozen=True)
class RfmCell:
    """Customers who are alike in how lately and how often they bought.

    Attributes:
        recency, frequency: 1 for the fifth of the buyers who bought longest ago, or least often,
            up to 5. Whoever is alike has the same score, so that fifths are not equally large.
        value: the mean value of the customers' orders in the last ``RFM_DAYS`` days.
    """

    recency: int
    frequency: int
    customers: int
    value: float


def stage_flows(*, start: datetime, end: datetime, thresholds: StageThresholds) -> list[StageFlow]:
    """From which stage to which customers moved between two moments, by the orders up to each.

    Both by the same thresholds, whichever were in force then; that is what makes them comparable.
    Whoever wasn't known at the start has no stage then.

    Raises:
        ValueError: the start is not before the end.
    """
    if start >= end:
        raise ValueError(f"start {start} is not before end {end}")
    with warehouse_session(as_of=end) as tables:
        rows = tables.execute(_flows(tables, start, thresholds)).to_pylist()
    return [StageFlow(row["start"], row["end"], row["customers"]) for row in rows]


def stage_moves(
    *, at: datetime, before: StageThresholds, after: StageThresholds
) -> list[StageFlow]:
    """How many customers would be in another stage by other thresholds."""
    with warehouse_session(as_of=at) as tables:
        then = stages_expression(tables, thresholds=before).rename(start="stage")
        now = stages_expression(tables, thresholds=after).rename(end="stage")
        rows = tables.execute(_counted(now.join(then, "customer_id"))).to_pylist()
    return [StageFlow(row["start"], row["end"], row["customers"]) for row in rows]


def rfm_grid(*, at: datetime) -> list[RfmCell]:
    """The buyers of all time by recency and frequency, as of a moment."""
    with warehouse_session(as_of=at) as tables:
        rows = tables.execute(_rfm(tables)).to_pylist()
    return [RfmCell(**row) for row in rows]


def _flows(tables: SessionTables, start: datetime, thresholds: StageThresholds) -> ir.Table:
    known = tables.customers.select(
        customer_id=tables.customers.id,
        known=tables.customers.created_at <= _moment(start),
    )
    now = stages_expression(tables, thresholds=thresholds).rename(end="stage")
    then = stages_expression(tables.before(start), thresholds=thresholds).rename(was="stage")
    both = now.join(then, "customer_id").join(known, "customer_id")
    # Who had ordered was known, whatever the customer's own row says.
    is_new = ~both.known.fill_null(True) & (both.was == "prospect")
    return _counted(both.mutate(start=is_new.ifelse("", both.was)))


def _counted(both: ir.Table) -> ir.Table:
    flows = both.group_by("start", "end").aggregate(customers=both.count())
    return flows.order_by("start", "end")


def _rfm(tables: SessionTables) -> ir.Table:
    orders = tables.orders
    lately = orders.occurred_at >= _moment(tables.as_of - timedelta(days=RFM_DAYS))
    by = orders.group_by("customer_id").aggregate(
        last=orders.occurred_at.max(),
        orders=orders.count(where=lately),
        value=orders.value.sum(where=lately).fill_null(0.0),
    )
    scored = by.mutate(recency=_score(by["last"]), frequency=_score(by.orders))
    grid = scored.group_by("recency", "frequency").aggregate(
        customers=scored.count(), value=scored.value.mean()
    )
    return grid.order_by("recency", "frequency")


def _score(column: ir.Column) -> ir.IntegerValue:
    """In which fifth of all it is, 1 to 5; equal values in the same."""
    rank = ibis.percent_rank().over(ibis.window(order_by=column))
    return (rank * RFM_SCORES).floor().cast("int64").clip(0, RFM_SCORES - 1) + 1


def _moment(at: datetime) -> ir.TimestampScalar:
    return ibis.literal(at, type="timestamp('UTC', 6)")
