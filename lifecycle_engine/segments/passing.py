"""Who joins and leaves because time passes, though nothing came in.

An event leaves "the last 30 days", a consent runs out. The conditions name the customers whose
outcome may have changed since the segment's ``as_of`` (``Condition.expiring``); only these are
asked again, by their own part of the log, and then the segment is right as of the later moment.

Three kinds of customers are added to them. Those with news that the columnar copy lacks, for the
conditions look for events on the copy. Those who were asked since ``as_of`` because they were
touched: the conditions compare the two moments, and what was stored in between may be like neither.
And whoever a segment sees change is asked about by all the others, some of which may read it.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Min

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.segments.due import refresh_failed, refresh_later
from lifecycle_engine.segments.models import Segment, TouchedCustomer
from lifecycle_engine.segments.refreshing import (
    CopyBehindError,
    RefreshReport,
    copy_news,
    copy_place,
)
from lifecycle_engine.segments.rules import (
    RuleError,
    RuleEvaluationError,
    rule_expiring,
    rule_parse,
)
from lifecycle_engine.segments.selectors import segments_dynamic
from lifecycle_engine.segments.touched import (
    LOCK,
    customers_later,
    held_ask,
    moment_of,
    segments_held,
    with_roots,
)
from lifecycle_engine.warehouse.session import SessionTables, warehouse_session

#: Above this many a whole refresh costs less.
CUSTOMERS_AT_MOST = 20_000

#: A segment about which time always has a say on very many is refreshed as a whole, but spends no
#: more than about this part of the time on it.
_SHARE = 20
_AT_LEAST = timedelta(minutes=1)


def time_pass(*, at: datetime) -> RefreshReport | None:
    """Bring the segments from the moment that they are right as of to this one.

    Returns:
        None when no segment is behind the moment, or when the columnar copy is too far behind.
    """
    ready = segments_dynamic().filter(
        error="", as_of__isnull=False, members_version=F("version"), refresh_due_at=None
    )
    _asked_forget(ready.aggregate(oldest=Min("as_of"))["oldest"])
    behind = list(ready.filter(as_of__lt=at).order_by("pk"))
    if not behind:
        return None
    asked = TouchedCustomer.objects.filter(asked_at__isnull=False)
    rows = list(asked.order_by("pk").values_list("pk", "customer_id")[: CUSTOMERS_AT_MOST + 1])
    if len(rows) > CUSTOMERS_AT_MOST:
        # As after a large import. What is computed as a whole needs no second look.
        for segment in behind:
            _whole(segment)
        return None
    try:
        customers, found = _customers(behind, at)
    except CopyBehindError:
        return None
    customers |= {customer_id for _, customer_id in rows}
    return _advance(found, with_roots(customers), [pk for pk, _ in rows], at)


def _asked_forget(oldest: datetime | None) -> None:
    """Forget who was asked before all segments were right as of a later moment."""
    if oldest is not None:
        TouchedCustomer.objects.filter(asked_at__lte=oldest).delete()


def _customers(segments: Sequence[Segment], at: datetime) -> tuple[set[int], list[Segment]]:
    """Who has to be asked, and for which of the segments that is all."""
    place = copy_place()
    customers, found = set(), []
    with warehouse_session(as_of=at) as tables:
        for segment in segments:
            expiring = _expiring(segment, tables)
            if expiring is not None:
                customers |= expiring
                found.append(segment)
    customers |= copy_news(place)
    return customers, found


def _expiring(segment: Segment, tables: SessionTables) -> set[int] | None:
    assert segment.as_of is not None  # noqa: S101 - by the filter
    try:
        named = rule_expiring(rule_parse(segment.rule), tables, since=segment.as_of)
    except (RuleError, RuleEvaluationError) as error:
        refresh_failed(segment_id=segment.pk, error=str(error), cause="time")
        return None
    if named.num_rows > CUSTOMERS_AT_MOST:
        _whole(segment)
        return None
    return set(named["customer_id"].to_pylist())


def _whole(segment: Segment) -> None:
    seconds = timedelta(seconds=_SHARE * (segment.refresh_seconds or 0))
    refresh_later(segment_id=segment.pk, wait=max(_AT_LEAST, seconds), cause="time")


def _advance(
    segments: Sequence[Segment], customer_ids: Sequence[int], asked: Collection[int], at: datetime
) -> RefreshReport:
    every = list(segments_dynamic().order_by("pk").values_list("pk", flat=True))
    with advisory_lock(LOCK, wait=True), segments_held(every) as held:
        report = held_ask(held, customer_ids, moment_of(held, at), "time")
        since = defaultdict(list)
        for segment in segments:
            if segment.pk in held and segment.key not in report.failed:
                since[segment.as_of, segment.version].append(segment.pk)
        with transaction.atomic():
            customers_later(customer_ids, [pk for pk in every if pk not in held], at)
            for (as_of, version), ids in since.items():
                # Unless it was computed by another rule or as of another moment meanwhile.
                same = Segment.objects.filter(pk__in=ids, as_of=as_of, version=version)
                same.update(as_of=at)
            TouchedCustomer.objects.filter(pk__in=asked).delete()
    return report
