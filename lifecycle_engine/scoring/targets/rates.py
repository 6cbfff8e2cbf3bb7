"""Of how many customers a target came true lately, and whether that is enough to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring.bounded_tables import BoundedTables
from lifecycle_engine.scoring.errors import Need
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.scoring.targets.definitions import target_of
from lifecycle_engine.scoring.timelines import days_needed
from lifecycle_engine.sdk import families
from lifecycle_engine.sdk.scorers import BaseScorer, scorers
from lifecycle_engine.warehouse.session import SessionTables, warehouse_session

#: Windows that are looked at, and days between their beginnings.
WINDOWS = 6
STEP = timedelta(days=30)


@dataclass(frozen=True)
class Window:
    """What came true in one stretch of the past.

    Attributes:
        start: the cut-off.
        end: the first moment after it.
        customers: whom the target was about then.
        positives: those of whom it came true.
    """

    start: datetime
    end: datetime
    customers: int
    positives: int

    @property
    def share(self) -> float:
        """The base rate."""
        return self.positives / self.customers if self.customers else 0.0


@dataclass(frozen=True)
class Rates:
    """The windows, newest first, and what is too little to train; empty where all is enough."""

    windows: list[Window]
    needs: list[Need]


def target_rates(*, target: Target, at: datetime) -> Rates:
    """Look at the windows that are over by now; who objects to profiling doesn't count.

    Args:
        target: a checked one; it need not be stored.
        at: business time.
    """
    meant = target_of(target)
    excluded = profiling_objectors(at=None)
    horizon = timedelta(days=target.horizon_days)
    with warehouse_session(as_of=at) as session:
        orders = session.orders
        found = session.execute(orders.aggregate(first=orders.occurred_at.min()))
        first: datetime | None = found["first"][0].as_py()
        starts = [at - horizon - STEP * number for number in range(WINDOWS)]
        known = [] if first is None else [start for start in starts if start - first >= horizon]
        windows = [_window(session, meant, start, start + horizon, excluded) for start in known]
    return Rates(windows, _needs(meant, windows, days=0 if first is None else (at - first).days))


def _window(
    session: SessionTables,
    target: families.Target,
    start: datetime,
    end: datetime,
    excluded: set[int],
) -> Window:
    before = BoundedTables(session.before(start), excluded=excluded)
    ahead = BoundedTables(session.window(start, end), start=start)
    about = target.population(before).select("customer_id").distinct()
    true = target.outcome(ahead).select(true_of="customer_id").distinct()
    joined = about.left_join(true, about.customer_id == true.true_of)
    counted = joined.aggregate(customers=joined.count(), positives=joined.true_of.count())
    row = session.execute(counted).to_pylist()[0]
    return Window(start, end, row["customers"], row["positives"])


def _needs(target: families.Target, windows: Sequence[Window], *, days: int) -> list[Need]:
    family = next(one for one in scorers.families() if one.key == target.key.partition(".")[0])
    scorer: BaseScorer = family.member(target)()
    newest = windows[0] if windows else None
    customers, positives = (newest.customers, newest.positives) if newest else (0, 0)
    least = scorer.minimum
    needs = [
        Need("days", days_needed(scorer), days),
        Need("customers", least.customers, customers),
        Need("positives", least.positives, positives),
        Need("negatives", least.negatives, customers - positives),
    ]
    return [need for need in needs if need.found < need.wanted]
