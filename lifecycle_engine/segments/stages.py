"""Lifecycle stages: where each customer stands, and who moved.

A stage follows from the number of orders and from the silence since the last one, measured against
the customer's own rhythm: the mean gap between their orders, once there are three; until then the
gap that is usual in the shop. So a weekly shopper is at risk after two quiet weeks and a yearly one
after two years (at most ``gap_days_most`` counts). The thresholds are learned from the shop's own
orders (``stage_learning``) and staff may change them.

=========== ======================================================================
prospect    no order yet
lapsed      silent for ``lapsed_gaps`` gaps or more
at risk     silent for ``at_risk_gaps`` gaps or more
won back    not silent; the last order ended a silence of ``lapsed_gaps`` gaps or more
loyal       not silent, ``loyal_orders`` orders or more
developing  not silent, ``developing_orders`` orders or more
retained    not silent, two orders or more
activated   not silent, one order
=========== ======================================================================

The first line that holds counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.events.rows import EngineEvent
from lifecycle_engine.events.services import events_record
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.models import CustomerStage, Stage, StageTransition
from lifecycle_engine.segments.refreshing import copy_news, copy_place, moment_later
from lifecycle_engine.segments.stage_learning import thresholds_first, thresholds_in_force
from lifecycle_engine.segments.stage_models import StageThresholds
from lifecycle_engine.warehouse.session import warehouse_session

_DAY = 86_400.0
_BATCH = 10_000
_CUSTOMERS_AT_ONCE = 2_000

#: Whoever writes stages holds this.
LOCK = "segments.stages"


@dataclass(frozen=True)
class StagesResult:
    """What a refresh of the stages came to.

    Attributes:
        moved: how many customers changed stage, those with a first one included.
        events: how many "Stage Changed" events were recorded.
    """

    moved: int
    events: int


def stages_refresh(*, at: datetime) -> StagesResult:
    """Compute every customer's stage as of ``at``, and record who moved.

    The very first computation sets where everybody stands; it records no events, so that
    installing the engine sends nobody a message. It also learns the thresholds, if the orders
    suffice for that; from then on they change only when staff change them, so that nobody moves
    because others shop differently.

    Customers with news that the columnar copy lacks are asked about by their own part of the log:
    their stages may have followed it already (``stages_following``).

    Raises:
        CopyBehindError: the copy lacks too much; it has to be waited for.
    """
    with advisory_lock(LOCK, wait=True):
        moment = stages_moment(at)
        place = copy_place()
        copy_news(place)
        with warehouse_session(as_of=moment) as tables:
            thresholds = thresholds_in_force() or thresholds_first(tables)
            stages = tables.execute(stages_expression(tables, thresholds=thresholds))
        news = sorted(copy_news(place))
        if news:
            known = pc.is_in(stages["customer_id"], pa.array(news, pa.int64()))
            stages = pa.concat_tables(
                [stages.filter(pc.invert(known)), stages_asked(news, moment, thresholds)]
            )
        return stages_apply(stages, at=moment)


def stages_asked(
    customer_ids: Sequence[int], at: datetime, thresholds: StageThresholds | None = None
) -> pa.Table:
    """The stages of some customers by their own part of the log.

    Args:
        customer_ids: which customers.
        at: as of when.
        thresholds: what goes; None for those in force, or the defaults.
    """
    thresholds = thresholds or thresholds_in_force() or StageThresholds()
    found = []
    for start in range(0, len(customer_ids), _CUSTOMERS_AT_ONCE):
        part = customer_ids[start : start + _CUSTOMERS_AT_ONCE]
        with warehouse_session(as_of=at, customer_ids=part) as tables:
            found.append(tables.execute(stages_expression(tables, thresholds=thresholds)))
    return pa.concat_tables(found)


def stages_moment(at: datetime) -> datetime:
    """The moment to compute stages as of: not before one at which somebody moved already."""
    newest = StageTransition.objects.order_by("-pk").values_list("at", flat=True).first()
    return moment_later(at, newest)


@transaction.atomic
def stages_apply(stages: pa.Table, *, at: datetime) -> StagesResult:
    """Store the stages and record who moved, under the lock; the very first ones make no events."""
    is_first = not CustomerStage.objects.exists()
    sql_execute("segments", "stage_now_create")
    copy_rows("stage_now", ["customer_id", "stage"], _rows(stages), ["int8", "varchar"])
    moved = sql_rows("segments", "stages_apply", {"at": at})
    recorded = 0 if is_first else _events_record(moved, at)
    sql_execute("segments", "stage_now_drop")
    return StagesResult(moved=len(moved), events=recorded)


def stages_expression(tables: Tables, *, thresholds: StageThresholds) -> ir.Table:
    """One row per customer: ``customer_id`` and ``stage``."""
    rhythm = _rhythm(tables, thresholds)
    customers = tables.customers.select(customer_id=tables.customers.id)
    known = customers.left_join(rhythm, "customer_id")
    silence = (
        ibis.literal(tables.as_of.timestamp(), type="float64")
        - known["last"].epoch_seconds().cast("float64")
    ) / _DAY
    at = thresholds
    return known.select(
        customer_id=known.customer_id,
        stage=ibis.cases(
            (known.orders.isnull(), Stage.PROSPECT.value),
            (silence >= known.gap * at.lapsed_gaps, Stage.LAPSED.value),
            (silence >= known.gap * at.at_risk_gaps, Stage.AT_RISK.value),
            (known.pause >= known.gap_before * at.lapsed_gaps, Stage.WON_BACK.value),
            (known.orders >= at.loyal_orders, Stage.LOYAL.value),
            (known.orders >= at.developing_orders, Stage.DEVELOPING.value),
            (known.orders >= 2, Stage.RETAINED.value),
            else_=Stage.ACTIVATED.value,
        ),
    )


def _rhythm(tables: Tables, thresholds: StageThresholds) -> ir.Table:
    """One row per customer with orders.

    orders, last, pause (days before the last order), gap (mean days between orders), gap_before
    (the same without the last order).
    """
    orders = tables.orders.select("customer_id", "occurred_at")
    orders = orders.mutate(
        newest=orders.occurred_at.max().over(ibis.window(group_by="customer_id"))
    )
    by = orders.group_by("customer_id").aggregate(
        orders=orders.count(),
        first=orders.occurred_at.min(),
        last=orders.occurred_at.max(),
        before=orders.occurred_at.max(where=orders.occurred_at < orders.newest),
    )
    by = by.mutate(
        own=_days(by["first"], by["last"]) / (by.orders - 1).nullif(0),
        own_before=_days(by["first"], by["before"]) / (by.orders - 2).nullif(0),
    )
    usual = thresholds.gap_days
    low, high = thresholds.gap_days_least, thresholds.gap_days_most
    return by.select(
        "customer_id",
        "orders",
        "last",
        pause=_days(by["before"], by["last"]),
        gap=(by.orders >= 3).ifelse(by.own, usual).clip(low, high),
        gap_before=(by.orders >= 4).ifelse(by.own_before, usual).clip(low, high),
    )


def _days(start: ir.TimestampColumn, end: ir.TimestampColumn) -> ir.FloatingColumn:
    return (end.epoch_seconds() - start.epoch_seconds()).cast("float64") / _DAY


def _rows(stages: pa.Table) -> Iterator[tuple[int, str]]:
    for batch in stages.to_batches(max_chunksize=_BATCH):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _events_record(moved: list[tuple[int, int, str, str]], at: datetime) -> int:
    """One "Stage Changed" for each transition, whose id makes the message id."""
    events = [
        EngineEvent(
            customer_id=customer_id,
            name="Stage Changed",
            message_id=f"stage-transition-{transition_id}",
            occurred_at=at,
            properties={"from": from_stage, "to": to_stage},
        )
        for transition_id, customer_id, from_stage, to_stage in moved
    ]
    for start in range(0, len(events), _BATCH):
        events_record(rows=events[start : start + _BATCH])
    return len(events)
