"""Asking a segment's rule: for everybody, or for some customers."""

from collections.abc import Sequence

import pyarrow as pa

from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.rules import (
    Rule,
    RuleError,
    RuleEvaluationError,
    rule_parse,
    rule_select,
)
from lifecycle_engine.segments.selectors import segments_live


class SegmentRefreshError(Exception):
    """A segment's membership could not be computed; it stays as it was, and says why."""


def members_select(segment: Segment, tables: Tables) -> pa.Array:
    """Ids of the customers in the tables for whom the segment's rule holds, in no order.

    Raises:
        SegmentRefreshError: the rule can't be read or asked, or a segment that it reads has no
            membership yet.
    """
    try:
        rule = rule_parse(segment.rule)
        _references_ready(rule)
        found = rule_select(rule, tables)
    except (RuleError, RuleEvaluationError) as error:
        raise SegmentRefreshError(str(error)) from error
    ids: pa.Array = found["customer_id"].combine_chunks()
    return ids


def _references_ready(rule: Rule) -> None:
    if not rule.segments:
        return
    missing: Sequence[str] = sorted(
        rule.segments
        - set(
            segments_live()
            .filter(key__in=rule.segments, as_of__isnull=False)
            .values_list("key", flat=True)
        )
    )
    if missing:
        raise SegmentRefreshError(f"segment {missing[0]!r} is not live or has no membership yet")
