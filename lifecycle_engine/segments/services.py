"""Saving segments: their definitions, and what follows from a change."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.segments.due import refreshes_want
from lifecycle_engine.segments.evaluation import SegmentRefreshError
from lifecycle_engine.segments.models import Segment, SegmentKind, SegmentState, TouchedCustomer
from lifecycle_engine.segments.refreshing import (
    RefreshReport,
    RefreshResult,
    segment_refresh,
    segments_refresh_all,
)
from lifecycle_engine.segments.rules import Rule, RuleError, rule_parse
from lifecycle_engine.segments.selectors import segment_references, segments_live
from lifecycle_engine.segments.versions import version_record

_EMPTY_SINCE = datetime(1970, 1, 1, tzinfo=UTC)

__all__ = [
    "RefreshReport",
    "RefreshResult",
    "SegmentRefreshError",
    "rule_references_check",
    "segment_refresh",
    "segment_save",
    "segments_refresh_all",
]


def segment_save(
    *,
    key: str,
    name: str,
    rule: object,
    description: str = "",
    state: str = SegmentState.LIVE,
    kind: str = SegmentKind.DYNAMIC,
    by: str = "",
) -> Segment:
    """Create or change the segment with that key, and have its membership computed.

    A changed rule makes a new version; until its membership is complete the old one stands.

    Args:
        key: the segment's name for programs.
        name: its name for people.
        rule: the rule's JSON document; empty for a segment by list.
        description: what it is for.
        state: live or archived.
        kind: by rule or by list, for a new segment; it stays what it is.
        by: who changes it.

    Raises:
        RuleError: the rule can't be used, reads a segment that isn't there, or reads itself by way
            of others. Nothing is changed then.
    """
    with transaction.atomic():
        # Two definitions that are saved at once could make a cycle that neither sees.
        sql_rows("segments", "definitions_lock")
        segment = Segment.objects.filter(key=key).first() or _segment_new(key, kind, by)
        if segment.kind == SegmentKind.DYNAMIC:
            rule_references_check(rule_parse(rule), key=key)
        elif rule != {}:
            raise RuleError("rule", rule, "must be empty: the segment's members are a list")
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
            refreshes_want(segment_ids=[segment.pk], cause="definition")
        if state == SegmentState.ARCHIVED:
            TouchedCustomer.objects.filter(segment=segment).delete()
    segment.refresh_from_db()
    return segment


def _segment_new(key: str, kind: str, by: str) -> Segment:
    segment = Segment(key=key, kind=kind, rule={}, created_by=by)
    if kind == SegmentKind.STATIC:
        # Nobody is on the list yet, and that is right at any time.
        segment.size, segment.as_of, segment.members_version = 0, _EMPTY_SINCE, 1
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
                raise RuleError(
                    f"{leaf.path}.segment",
                    wanted,
                    "no live segment has this key",
                    _("There is no live segment with this key."),
                )
            cycle = _path_back(wanted, key, others, (key,))
            if cycle:
                circle = " → ".join(cycle)
                raise RuleError(
                    f"{leaf.path}.segment",
                    wanted,
                    f"makes a cycle: {circle}",
                    _("The segments would read each other: %(circle)s") % {"circle": circle},
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
