"""Saving segments, and keeping their membership up."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.segments.models import Segment, SegmentState
from lifecycle_engine.segments.rules import (
    Rule,
    RuleError,
    RuleEvaluationError,
    rule_parse,
    rule_select,
)
from lifecycle_engine.segments.selectors import (
    segment_readers,
    segment_references,
    segments_levels,
    segments_live,
)
from lifecycle_engine.segments.versions import version_record
from lifecycle_engine.warehouse.session import SessionTables, warehouse_session


class SegmentRefreshError(Exception):
    """A segment's membership could not be computed; it stays as it was, and says why."""


@dataclass(frozen=True)
class RefreshResult:
    """What a refresh of one segment came to."""

    segment_id: int
    size: int
    joined: int
    left: int


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh of many segments came to.

    Attributes:
        refreshed: those that worked.
        failed: the error of each that did not, by the segment's key.
    """

    refreshed: list[RefreshResult] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def segment_save(
    *,
    key: str,
    name: str,
    rule: object,
    description: str = "",
    state: str = SegmentState.LIVE,
    by: str = "",
) -> Segment:
    """Create or change the segment with that key, and have its membership computed.

    A changed rule makes a new version; until its membership is complete the old one stands.

    Args:
        key: the segment's name for programs.
        name: its name for people.
        rule: the rule's JSON document.
        description: what it is for.
        state: live or archived.
        by: who changes it.

    Raises:
        RuleError: the rule can't be used, reads a segment that isn't there, or reads itself by way
            of others. Nothing is changed then.
    """
    parsed = rule_parse(rule)
    with transaction.atomic():
        # Two definitions that are saved at once could make a cycle that neither sees.
        sql_rows("segments", "definitions_lock")
        rule_references_check(parsed, key=key)
        segment = Segment.objects.filter(key=key).first() or Segment(key=key, created_by=by)
        fresh = segment.pk is None or segment.rule != rule or segment.state != state
        if segment.pk is not None and segment.rule != rule:
            segment.version += 1
        segment.name, segment.rule, segment.description = name, rule, description
        segment.state, segment.updated_by = state, by
        segment.full_clean()
        segment.save()
        Segment.objects.filter(pk=segment.pk).update(updated_at=Now())
        version_record(segment=segment, by=by)
        if fresh and state == SegmentState.LIVE:
            enqueue("segments.refresh", segment_id=segment.pk, cause="definition")
    segment.refresh_from_db()
    return segment


def rule_references_check(rule: Rule, *, key: str) -> None:
    """Whether the segments that a rule reads are there, and none leads back to its own.

    Args:
        rule: what ``rule_parse`` gave.
        key: of the segment that the rule is for.

    Raises:
        RuleError: a segment is missing or archived, or there is a cycle; the error says which.
    """
    others = {segment.key: segment for segment in segments_live()}
    for leaf in rule.leaves:
        for wanted in leaf.condition.segments():
            if wanted != key and wanted not in others:
                raise RuleError(f"{leaf.path}.segment", wanted, "no live segment has this key")
            cycle = _path_back(wanted, key, others, (key,))
            if cycle:
                raise RuleError(
                    f"{leaf.path}.segment", wanted, f"makes a cycle: {' → '.join(cycle)}"
                )


def _path_back(
    start: str, goal: str, segments: dict[str, Segment], passed: tuple[str, ...]
) -> tuple[str, ...]:
    passed = (*passed, start)
    if start == goal:
        return passed
    if start not in segments:
        return ()
    for following in sorted(segment_references(segments[start])):
        if following == goal or following not in passed:
            found = _path_back(following, goal, segments, passed)
            if found:
                return found
    return ()


def segment_refresh(*, segment_id: int, at: datetime, cause: str) -> RefreshResult:
    """Compute the whole membership as of ``at``, and record who joined and who left.

    The segments that read this one are refreshed after it when anything changed.

    Raises:
        SegmentRefreshError: it could not be computed. The membership stays, the error is recorded.
    """
    result, key = _refresh(segment_id, at, cause)
    if result.joined or result.left:
        for reader_id in segment_readers(key=key):
            enqueue("segments.refresh", segment_id=reader_id, cause=f"segment:{segment_id}")
    return result


def segments_refresh_all(*, at: datetime, cause: str = "schedule") -> RefreshReport:
    """Compute the membership of every live segment, those that others read first.

    One that fails doesn't keep the others from being computed.
    """
    report = RefreshReport()
    for level in segments_levels(list(segments_live().order_by("pk"))):
        for segment in level:
            try:
                result, _key = _refresh(segment.pk, at, cause)
            except SegmentRefreshError as error:
                report.failed[segment.key] = str(error)
            else:
                report.refreshed.append(result)
    return report


def segments_refresh_touched(
    *, customer_ids: Sequence[int], at: datetime, cause: str = "event"
) -> RefreshReport:
    """Ask every live segment about these customers only.

    Of the log only their events count, but the tables that change in place are still read whole.

    A segment without a complete membership, or whose last computation failed, waits for its next
    whole one: a partial one would hide that others are wrong.
    """
    report = RefreshReport()
    if not customer_ids:
        return report
    ready = segments_live().filter(error="", as_of__isnull=False).order_by("pk")
    for level in segments_levels(list(ready)):
        with ExitStack() as stack:
            # Before the warehouse is opened: what it shows must not be older than what another
            # refresh of the segment saw. In the order of ids, so that no two wait in a circle.
            for segment in sorted(level, key=lambda segment: segment.pk):
                stack.enter_context(_segment_lock(segment.pk))
            tables = stack.enter_context(warehouse_session(as_of=at))
            # Read again under the locks: while these were waited for, the definition may have
            # changed and the whole membership been computed by the new one.
            for segment in ready.filter(pk__in=[segment.pk for segment in level]):
                _touched_apply(segment, customer_ids, tables, cause, report)
    return report


def _touched_apply(
    segment: Segment,
    customer_ids: Sequence[int],
    tables: SessionTables,
    cause: str,
    report: RefreshReport,
) -> None:
    try:
        members = set(_members(segment, tables, customer_ids))
    except SegmentRefreshError as error:
        report.failed[segment.key] = str(error)
        return
    rows = ((customer_id, customer_id in members) for customer_id in set(customer_ids))
    with transaction.atomic():
        joined, left = _membership_write(segment, rows, tables.as_of, cause)
        size = Greatest(F("size") + joined - left, 0)
        Segment.objects.filter(pk=segment.pk).update(size=size, refreshed_at=Now())
    segment.refresh_from_db(fields=["size"])
    report.refreshed.append(RefreshResult(segment.pk, segment.size or 0, joined, left))


def _refresh(segment_id: int, at: datetime, cause: str) -> tuple[RefreshResult, str]:
    with _segment_lock(segment_id):
        segment = Segment.objects.get(pk=segment_id)
        started = time.monotonic()
        with warehouse_session(as_of=at) as tables:
            members = list(_members(segment, tables, None))
        with transaction.atomic():
            rows = ((customer_id, True) for customer_id in members)
            joined, left = _membership_write(segment, rows, at, cause, everybody=True)
            size = segment.memberships.count()
            Segment.objects.filter(pk=segment_id).update(
                size=size,
                as_of=at,
                refreshed_at=Now(),
                refresh_seconds=time.monotonic() - started,
                error="",
            )
    return RefreshResult(segment_id, size, joined, left), segment.key


def _segment_lock(segment_id: int) -> AbstractContextManager[bool]:
    return advisory_lock(f"segment:{segment_id}", wait=True)


def _members(
    segment: Segment, tables: SessionTables, customer_ids: Sequence[int] | None
) -> Iterator[int]:
    """For whom the rule holds; a failure is written down before it is raised."""
    try:
        rule = rule_parse(segment.rule)
        _references_ready(rule)
        found = rule_select(rule, tables, customer_ids=customer_ids)
    except (RuleError, RuleEvaluationError, SegmentRefreshError) as error:
        Segment.objects.filter(pk=segment.pk).update(error=str(error))
        raise SegmentRefreshError(f"Segment {segment.key!r}: {error}") from error
    for batch in found.to_batches(max_chunksize=50_000):
        yield from batch.column(0).to_pylist()


def _references_ready(rule: Rule) -> None:
    complete = set(
        segments_live()
        .filter(key__in=rule.segments, as_of__isnull=False)
        .values_list("key", flat=True)
    )
    missing = sorted(rule.segments - complete)
    if missing:
        raise SegmentRefreshError(f"segment {missing[0]!r} is not live or has no membership yet")


def _membership_write(
    segment: Segment,
    rows: Iterable[tuple[int, bool]],
    at: datetime,
    cause: str,
    *,
    everybody: bool = False,
) -> tuple[int, int]:
    """Bring the stored membership in line, and return how many joined and left.

    With ``everybody`` whoever is not in the rows is no member; otherwise they stay as they are.
    """
    sql_execute("segments", "evaluated_create")
    copy_rows("segment_evaluated", ["customer_id", "member"], rows, ["int8", "bool"])
    params = {"segment_id": segment.pk, "at": at, "cause": cause, "everybody": everybody}
    ((joined, left),) = sql_rows("segments", "membership_write", params)
    sql_execute("segments", "evaluated_drop")
    return joined, left
