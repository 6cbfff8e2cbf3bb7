"""From the log to membership: who has news, and re-evaluating them once the warehouse has it.

A segment's rule is evaluated on the columnar copy, which a reader of its own ("warehouse") writes.
Were the segments' reader to evaluate what it reads at once, it could run ahead of the copy, find
nothing there and move on: the customer would never be looked at again. So there are two steps.

1. The reader "segments" only collects: who is touched, and at which position of the log. This and
   its cursor commit together, so nobody is lost or collected for nothing.
2. Settling takes the collected rows whose position the "warehouse" reader has passed, evaluates
   these customers and then deletes the rows. A crash before the deletion repeats the evaluation,
   which changes nothing the second time.

The alternative, one reader that stops where the warehouse's cursor is, would tie two cursors
together and could not take customers in that are touched by anything but the log.
"""

from collections.abc import Collection
from datetime import datetime

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.selectors import root_ids
from lifecycle_engine.events.quarantine import reader_handler
from lifecycle_engine.events.readers import batch_customer_ids, reader_advance
from lifecycle_engine.events.rows import Batch
from lifecycle_engine.segments.models import TouchedCustomer
from lifecycle_engine.segments.services import RefreshReport, segments_refresh_touched
from lifecycle_engine.warehouse import mirror

READER = "segments"
_LIMIT = 10_000


def touched_collect(*, limit: int = _LIMIT) -> int:
    """Read the log's next batch and collect the customers in it; returns how many events."""
    return reader_advance(READER, _collect, limit).rows


def customers_touch(*, customer_ids: Collection[int]) -> None:
    """Have customers re-evaluated for a reason that is not in the log, such as new scores."""
    TouchedCustomer.objects.bulk_create(
        [TouchedCustomer(customer_id=customer_id) for customer_id in customer_ids],
        batch_size=_LIMIT,
    )


def touched_settle(*, at: datetime, limit: int = _LIMIT) -> RefreshReport | None:
    """Re-evaluate collected customers whose news the columnar copy has.

    Returns:
        None when there was nobody, or when another process is at it.
    """
    with advisory_lock("segments.touched") as free:
        params = {"limit": limit, "warehouse": mirror.READER}
        rows = sql_rows("segments", "touched_ready", params) if free else []
        if not rows:
            return None
        profile_ids = {customer_id for _, customer_id in rows}
        # A profile that became part of a customer leaves its segments, the customer may join them.
        customer_ids = sorted({*profile_ids, *root_ids(profile_ids=profile_ids).values()})
        report = segments_refresh_touched(customer_ids=customer_ids, at=at)
        TouchedCustomer.objects.filter(pk__in=[pk for pk, _ in rows]).delete()
        return report


@reader_handler(READER)
def _collect(batch: Batch) -> None:
    TouchedCustomer.objects.bulk_create(
        [
            TouchedCustomer(customer_id=customer_id, txid=batch.upto_txid, event_id=batch.upto_id)
            for customer_id in batch_customer_ids(batch)
        ],
        batch_size=_LIMIT,
    )
