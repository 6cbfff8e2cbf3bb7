"""Erasing customers from the columnar copy: the rows soon, the files they were in an hour later."""

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.customers.erasure import erasures_settled, latecomers_erase
from lifecycle_engine.customers.privacy_models import Erasure, ErasureState
from lifecycle_engine.warehouse.engines.opening import store_open
from lifecycle_engine.warehouse.mirror import LOCK
from lifecycle_engine.warehouse.schemas import LOG_TABLES

#: A query that began before the rows went may be reading the old files for so many hours.
FILES_KEPT_HOURS = 1
#: By how much the clocks of two machines may differ: what is called done has to be gone.
CLOCKS_DIFFER = timedelta(minutes=5)
_AT_ONCE = 500


def copy_erase_due() -> bool:
    """Whether an erasure can get a step further."""
    return bool(erasures_settled()) or _old_enough(FILES_KEPT_HOURS, CLOCKS_DIFFER).exists()


def copy_erase(
    *, kept_hours: int = FILES_KEPT_HOURS, clocks_differ: timedelta = CLOCKS_DIFFER
) -> int:
    """Bring the columnar copy in line with erasures, many at a time: each rewrites whole files.

    It may be called at any time and again after a crash: deleting what is gone changes nothing.

    Args:
        kept_hours: how long files that were replaced are kept.
        clocks_differ: how much longer than that is waited before they are called gone.

    Returns:
        How many erasures got a step further. None while the mirror runs: it is tried again.
    """
    with advisory_lock(LOCK) as free:
        if not free:
            return 0
        return _rows_erase() + _files_delete(kept_hours, clocks_differ)


def _rows_erase() -> int:
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
    # Once the tables are written: their old files count as replaced from then on.
    return done.update(state=ErasureState.REWRITTEN, rewritten_at=Now())


def _files_delete(kept_hours: int, clocks_differ: timedelta) -> int:
    ready = list(_old_enough(kept_hours, clocks_differ).values_list("pk", flat=True))
    if not ready:
        return 0
    store = store_open(settings.WAREHOUSE_URL)
    for name in LOG_TABLES:
        store.files_remove(name, kept_hours=kept_hours)
    return Erasure.objects.filter(pk__in=ready).update(state=ErasureState.DONE, done_at=Now())


def _old_enough(kept_hours: int, clocks_differ: timedelta) -> QuerySet[Erasure]:
    """Erasures whose old files no query reads any more."""
    kept = timedelta(hours=kept_hours) + clocks_differ
    return Erasure.objects.filter(state=ErasureState.REWRITTEN, rewritten_at__lte=Now() - kept)
