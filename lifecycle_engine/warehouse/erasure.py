"""Erasing customers from the columnar copy: the rows soon, the files they were in an hour later."""

from datetime import datetime, timedelta

from django.conf import settings

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.customers.erasure import erasures_settled, latecomers_erase
from lifecycle_engine.customers.privacy_models import Erasure, ErasureState
from lifecycle_engine.warehouse.engines.opening import store_open
from lifecycle_engine.warehouse.mirror import LOCK
from lifecycle_engine.warehouse.schemas import LOG_TABLES

#: A query that began before the rows went may be reading the old files for so long.
FILES_KEPT = timedelta(hours=1)
_AT_ONCE = 500


def copy_erase(*, at: datetime, files_kept: timedelta = FILES_KEPT) -> int:
    """Bring the columnar copy in line with erasures, many at a time: each rewrites whole files.

    It may be called at any time and again after a crash: deleting what is gone changes nothing.

    Args:
        at: now.
        files_kept: how long files that were replaced are kept.

    Returns:
        How many erasures got a step further. None while the mirror runs: it is tried again.
    """
    with advisory_lock(LOCK) as free:
        if not free:
            return 0
        return _rows_erase(at) + _files_delete(at, files_kept)


def _rows_erase(at: datetime) -> int:
    erasures = erasures_settled()[:_AT_ONCE]
    if not erasures:
        return 0
    for erasure in erasures:
        latecomers_erase(erasure=erasure)
    store = store_open(settings.WAREHOUSE_URL)
    gone = sorted({profile_id for erasure in erasures for profile_id in erasure.profile_ids})
    for name in LOG_TABLES:
        store.erase(name, gone)
    done = Erasure.objects.filter(pk__in=[erasure.pk for erasure in erasures])
    return done.update(state=ErasureState.REWRITTEN, rewritten_at=at)


def _files_delete(at: datetime, kept: timedelta) -> int:
    waiting = Erasure.objects.filter(state=ErasureState.REWRITTEN)
    if not waiting.filter(rewritten_at__lte=at - kept).exists():
        return 0
    store = store_open(settings.WAREHOUSE_URL)
    for name in LOG_TABLES:
        store.files_remove(name, kept_hours=int(kept / timedelta(hours=1)))
    return waiting.filter(rewritten_at__lte=at - kept).update(state=ErasureState.DONE, done_at=at)
