"""Stages of customers who have news: within seconds, by their own part of the log.

The reader "stages" takes the log's batches in two phases: it asks about the customers in a batch,
and confirms it. Killed in between, it asks again, and by then nobody moves. The expression is that
of the whole pass (``stages``), which still sees to those who move because time passes.
"""

from datetime import datetime

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.events.identity import MERGED, PARTED
from lifecycle_engine.events.readers import (
    batch_bounds,
    batch_watched,
    reader_confirm,
    reader_plan,
)
from lifecycle_engine.events.rows import Batch
from lifecycle_engine.segments.models import CustomerStage
from lifecycle_engine.segments.stages import LOCK, stages_apply, stages_asked, stages_moment

READER = "stages"

#: What can move a customer to another stage besides time.
NAMES = ("Order Completed", MERGED, PARTED)

#: Events read at a time.
_EVENTS = 10_000


def stages_follow(*, at: datetime, limit: int = _EVENTS) -> int:
    """Bring the stages of the customers in the log's next batch up to date.

    Nothing is done before everybody's stages were computed once, nor while that happens.

    Args:
        at: as of when, in business time.
        limit: at most so many events.

    Returns:
        How many events were read; 0 when there are none, or when another process is at it.
    """
    with advisory_lock(LOCK) as free:
        batch = reader_plan(READER, limit) if free else None
        if batch is None:
            return 0
        with batch_watched(batch):
            customer_ids = _concerned(batch)
            if customer_ids:
                moment = stages_moment(at)
                stages_apply(stages_asked(customer_ids, moment), at=moment)
            reader_confirm(READER, batch)
    return batch.count


def _concerned(batch: Batch) -> list[int]:
    if not CustomerStage.objects.exists():
        return []
    params = {**batch_bounds(batch), "names": list(NAMES)}
    return sorted(row[0] for row in sql_rows("segments", "stages_touched", params))
