"""Learning the thresholds of the lifecycle stages from the shop's own orders.

- The usual gap is the median of the customers' mean gaps; the shortest and the longest that count
  are its 5 % and 95 % quantiles.
- Silence: of all silences that ended in another order, 90 % were over before ``at_risk_gaps`` and
  99 % before ``lapsed_gaps``, each measured in the mean of that customer's gaps before it. Someone
  who is silent for longer does what 1 customer in 10, or in 100, did and still came back.
- Loyalty: the number of orders from which on 80 % (developing) and 90 % (loyal) made another one
  before they would have counted as lapsed. Orders too young to tell are left out. It never goes
  below four and ten, so that a lucky start isn't loyalty.

What has too little evidence keeps the default. The quantiles are choices of this engine; that each
customer's silence has to be judged by that customer's own rate of buying is from Schmittlein,
Morrison & Colombo, "Counting Your Customers", Management Science 33(1), 1987.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from django.db import transaction

from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.stage_models import StageThresholds

#: So many customers, or silences, have to stand behind a threshold.
EVIDENCE_LEAST = 100

AT_RISK_SHARE, LAPSED_SHARE = 0.90, 0.99
DEVELOPING_SHARE, LOYAL_SHARE = 0.80, 0.90
_DAY = 86_400.0
_ORDERS_LOOKED_AT = 50
#: Where everybody shops like clockwork, a gap that is a little late is no risk yet.
_SILENCE_LEAST = 1.2
#: Silences are counted in steps of half a gap, those of ten gaps or more together.
STEPS_A_GAP, GAPS_SHOWN = 2, 10


@dataclass(frozen=True)
class Silences:
    """How long silences were that ended in another order.

    Attributes:
        count: how many there were.
        by_step: how many ended in each half of a gap, from 0 to below ten gaps, then the rest.
    """

    count: int
    by_step: list[int]


@dataclass(frozen=True)
class Return:
    """How many customers made another order after so many, before they would have lapsed."""

    orders: int
    customers: int
    share: float


@dataclass(frozen=True)
class Learned:
    """Thresholds, not stored, and what they were learned from.

    Attributes:
        rhythms: how many customers have a rhythm of their own.
        missing: the thresholds that keep their default for want of evidence.
    """

    thresholds: StageThresholds
    rhythms: int
    silences: Silences
    returns: list[Return]
    missing: list[str]


def thresholds_in_force() -> StageThresholds | None:
    """The newest thresholds, or None before the stages were first computed."""
    return StageThresholds.objects.order_by("-pk").first()


def thresholds_first(tables: Tables) -> StageThresholds:
    """Learn the first thresholds and put them into force, unless all of them want for evidence."""
    learned = thresholds_learn(tables)
    if len(learned.missing) == len(StageThresholds.VALUES):
        return learned.thresholds
    learned.thresholds.save()
    return learned.thresholds


@transaction.atomic
def thresholds_set(*, thresholds: StageThresholds, by: str) -> StageThresholds:
    """Put thresholds into force; the stages follow with their next computation.

    Raises:
        django.core.exceptions.ValidationError: they contradict each other.
    """
    row = StageThresholds(**thresholds.values(), learned=thresholds.learned, set_by=by)
    row.full_clean()
    row.save()
    row.refresh_from_db()
    enqueue("segments.refresh_stages")
    return row


def thresholds_learn(tables: Tables) -> Learned:
    """What the shop's orders up to ``tables.as_of`` say the thresholds are."""
    found = StageThresholds(learned=True)
    missing = list(StageThresholds.VALUES)
    orders = _numbered(tables.orders)
    rhythms = _gaps_learn(tables, orders, found, missing)
    silences = _silences_learn(tables, orders, found, missing)
    returns = _returns_learn(tables, orders, found, missing)
    return Learned(found, rhythms, silences, returns, missing)


def _numbered(orders: ir.Table) -> ir.Table:
    """One row per order: its number, gap and mean gap before it in days, and age in days."""
    by = ibis.window(group_by="customer_id", order_by=["occurred_at", "event_id"])
    seconds = orders.occurred_at.epoch_seconds().cast("float64")
    rows = orders.select(
        "customer_id",
        at=seconds,
        number=ibis.row_number().over(by) + 1,
        first=seconds.min().over(ibis.window(group_by="customer_id")),
        before=seconds.lag().over(by),
        next=seconds.lead().over(by),
    )
    return rows.mutate(
        gap=(rows.at - rows.before) / _DAY,
        mean_before=(rows.before - rows["first"]) / _DAY / (rows.number - 2).nullif(0),
    )


def _gaps_learn(
    tables: Tables, orders: ir.Table, found: StageThresholds, missing: list[str]
) -> int:
    by = orders.group_by("customer_id").aggregate(orders=orders.count(), own=orders.gap.mean())
    by = by.filter(by.orders >= 3)
    (row,) = tables.execute(
        by.aggregate(
            count=by.count(),
            low=by.own.quantile(0.05),
            usual=by.own.quantile(0.5),
            high=by.own.quantile(0.95),
        )
    ).to_pylist()
    if row["count"] >= EVIDENCE_LEAST:
        found.gap_days = round(min(max(row["usual"], 1.0), 365.0), 1)
        found.gap_days_least = round(min(max(row["low"], 1.0), found.gap_days), 1)
        found.gap_days_most = round(min(max(row["high"], found.gap_days), 730.0), 1)
        _learned(missing, "gap_days", "gap_days_least", "gap_days_most")
    return int(row["count"])


def _silences_learn(
    tables: Tables, orders: ir.Table, found: StageThresholds, missing: list[str]
) -> Silences:
    # From the fourth order on there are two gaps before, as the stages ask for.
    ended = orders.filter(orders.number >= 4)
    own = ended.mean_before.clip(found.gap_days_least, found.gap_days_most)
    ended = ended.select(gaps=ended.gap / own)
    (row,) = tables.execute(
        ended.aggregate(
            count=ended.count(),
            at_risk=ended.gaps.quantile(AT_RISK_SHARE),
            lapsed=ended.gaps.quantile(LAPSED_SHARE),
        )
    ).to_pylist()
    if row["count"] >= EVIDENCE_LEAST:
        found.at_risk_gaps = round(max(row["at_risk"], _SILENCE_LEAST), 1)
        found.lapsed_gaps = round(max(row["lapsed"], found.at_risk_gaps * 1.5), 1)
        _learned(missing, "at_risk_gaps", "lapsed_gaps")
    last = GAPS_SHOWN * STEPS_A_GAP
    stepped = ended.select(step=(ended.gaps * STEPS_A_GAP).floor().cast("int64").clip(0, last))
    counted = stepped.group_by("step").aggregate(count=stepped.count())
    by_step = dict.fromkeys(range(last + 1), 0)
    by_step |= {each["step"]: each["count"] for each in tables.execute(counted).to_pylist()}
    return Silences(int(row["count"]), list(by_step.values()))


def _returns_learn(
    tables: Tables, orders: ir.Table, found: StageThresholds, missing: list[str]
) -> list[Return]:
    """How many came back after each number of orders, of those who had the time to."""
    patience = found.lapsed_gaps * found.gap_days * _DAY
    now = tables.as_of.timestamp()
    told = orders.filter(orders["at"] <= now - patience, orders.number <= _ORDERS_LOOKED_AT)
    came_back = (told["next"] <= told["at"] + patience).fill_null(False)
    rows = told.group_by("number").aggregate(
        customers=told.count(), share=came_back.cast("float64").mean()
    )
    returns = [
        Return(row["number"], row["customers"], row["share"])
        for row in tables.execute(rows.order_by("number")).to_pylist()
        if row["customers"] >= EVIDENCE_LEAST
    ]
    developing = _from(returns, DEVELOPING_SHARE, StageThresholds().developing_orders)
    loyal = _from(returns, LOYAL_SHARE, StageThresholds().loyal_orders)
    if developing is not None:
        found.developing_orders = developing
        _learned(missing, "developing_orders")
    if loyal is not None:
        found.loyal_orders = max(loyal, found.developing_orders + 1)
        _learned(missing, "loyal_orders")
    found.loyal_orders = max(found.loyal_orders, found.developing_orders + 1)
    return returns


def _from(returns: list[Return], share: float, least: int) -> int | None:
    """From how many orders on the share of those who come back is reached."""
    reached = [found.orders for found in returns if found.share >= share]
    return max(least, reached[0]) if reached else None


def _learned(missing: list[str], *names: str) -> None:
    for name in names:
        missing.remove(name)
