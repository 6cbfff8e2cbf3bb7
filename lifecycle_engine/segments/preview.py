"""What an unsaved rule would select: size, samples, and how much each of its parts selects.

Everything goes through ``rule_select``, as a segment's own membership does, so that a preview and
what is computed afterwards can't disagree.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifecycle_engine.segments.explanation import rule_explained
from lifecycle_engine.segments.preview_sessions import Kept, preview_sessions
from lifecycle_engine.segments.rules import rule_parse, rule_select, rule_sentence
from lifecycle_engine.warehouse.session import SessionTables, warehouse_session

SAMPLE = 10

_AUDIENCES_KEPT = 4
_RESULTS_KEPT = 1000

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Preview:
    """What a rule selects now.

    Attributes:
        as_of: as of when; up to some minutes ago.
        size: how many customers.
        total: of how many.
        sample: ids of a few of them, spread over all, the same ones each time.
        sentence: the rule in words.
        finished: whether it selects anybody at all.
        seconds: how long it took.
    """

    as_of: datetime
    size: int
    total: int
    sample: Sequence[int]
    sentence: str
    finished: bool
    seconds: float


@dataclass(frozen=True)
class Overlap:
    """How much of an audience is in a segment too.

    Attributes:
        both: how many are in both.
        jaccard: these as a share of those who are in either, 0 to 1.
    """

    segment: str
    size: int
    both: int
    jaccard: float


def rule_preview(
    *, document: object, at: datetime, sample: int = SAMPLE, days: int | None = None
) -> Preview:
    """Size, samples and sentence of a rule.

    Args:
        document: the rule.
        at: as of when.
        sample: so many customers are shown.
        days: so many days of events are looked at; None for all.

    Raises:
        RuleError: the rule can't be used.
        RuleEvaluationError: it can't be evaluated.
    """
    started = time.perf_counter()
    rule = rule_parse(document)
    with preview_sessions.use(at) as kept:
        members = _members(kept, document, days)
        total = _total(kept)
        as_of = kept.tables.as_of
    return Preview(
        as_of=as_of,
        size=len(members),
        total=total,
        sample=_spread(members, sample),
        sentence=rule_sentence(rule),
        finished=rule.finished,
        seconds=time.perf_counter() - started,
    )


def audience_ids(*, document: object, at: datetime) -> Ids:
    """Ids of the customers that a rule selects, ascending.

    Raises:
        RuleError: the rule can't be used.
        RuleEvaluationError: it can't be evaluated.
    """
    with preview_sessions.use(at) as kept:
        return _members(kept, document)


def reference_ids(*, document: object, at: datetime) -> Ids:
    """What ``audience_ids`` gives, kept as long as the session: for rules that many are held to."""
    with preview_sessions.use(at) as kept:
        key = ("reference", _key(document))
        if key not in kept.results:
            kept.results[key] = _members(kept, document)
        found: Ids = kept.results[key]
        return found


def preview_explained(*, document: object, customer_id: int, at: datetime) -> dict[str, Any]:
    """Which of an unsaved rule's conditions hold for a customer; see ``segment_explain``.

    Raises:
        RuleError: the rule can't be used.
        RuleEvaluationError: it can't be evaluated.
    """
    rule = rule_parse(document)
    with warehouse_session(as_of=at, customer_ids=[customer_id]) as tables:
        return rule_explained(rule, tables, customer_id=customer_id)


def rules_sizes(*, documents: Sequence[object], at: datetime, days: int | None = None) -> list[int]:
    """How many each of the rules selects.

    Args:
        documents: the rules.
        at: as of when.
        days: so many days of events are looked at; None for all.

    Raises:
        RuleError: a rule can't be used.
        RuleEvaluationError: one can't be evaluated.
    """
    with preview_sessions.use(at) as kept:
        return [_size(kept, document, days) for document in documents]


def overlaps(*, document: object, at: datetime, but: str = "", limit: int = 5) -> list[Overlap]:
    """The segments that most of the rule's customers are in, those in common first.

    Args:
        document: the rule.
        at: as of when.
        but: the key of the segment that the rule is for.
        limit: so many at most.

    Raises:
        RuleError: the rule can't be used.
        RuleEvaluationError: it can't be evaluated.
    """
    with preview_sessions.use(at) as kept:
        members = _members(kept, document)
        found = [
            _overlap(segment, ids, members)
            for segment, ids in _memberships(kept).items()
            if segment != but
        ]
    common = [one for one in found if one.both]
    return sorted(common, key=lambda one: (-one.both, one.segment))[:limit]


def _members(kept: Kept, document: object, days: int | None = None) -> Ids:
    key = _key(document, days)
    if key not in kept.audiences:
        found = rule_select(rule_parse(document), _tables(kept, days))
        while len(kept.audiences) >= _AUDIENCES_KEPT:
            del kept.audiences[next(iter(kept.audiences))]
        kept.audiences[key] = np.sort(found["customer_id"].to_numpy())
    return kept.audiences[key]  # type: ignore[no-any-return]


def _size(kept: Kept, document: object, days: int | None) -> int:
    key = ("size", _key(document, days))
    if key not in kept.results:
        known = kept.audiences.get(key[1])
        if len(kept.results) > _RESULTS_KEPT:
            kept.results.clear()
        kept.results[key] = (
            rule_select(rule_parse(document), _tables(kept, days)).num_rows
            if known is None
            else len(known)
        )
    return int(kept.results[key])


def _tables(kept: Kept, days: int | None) -> SessionTables:
    if days is None:
        return kept.tables
    key = ("window", days)
    if key not in kept.results:
        end = kept.tables.as_of
        kept.results[key] = kept.tables.window(end - timedelta(days=days), end)
    return kept.results[key]  # type: ignore[no-any-return]


def _total(kept: Kept) -> int:
    if "total" not in kept.results:
        counted = kept.tables.execute(kept.tables.customers.count().name("n").as_table())
        kept.results["total"] = counted["n"][0].as_py()
    return int(kept.results["total"])


def _memberships(kept: Kept) -> dict[str, Ids]:
    """The members of every live segment, ascending."""
    if "memberships" not in kept.results:
        rows = kept.tables.execute(kept.tables["memberships"].select("segment", "customer_id"))
        names = rows["segment"].combine_chunks().dictionary_encode()
        codes, ids = names.indices.to_numpy(), rows["customer_id"].to_numpy()
        kept.results["memberships"] = {
            name: np.sort(ids[codes == code])
            for code, name in enumerate(names.dictionary.to_pylist())
        }
    return kept.results["memberships"]  # type: ignore[no-any-return]


def _overlap(segment: str, ids: Ids, members: Ids) -> Overlap:
    both = len(np.intersect1d(ids, members, assume_unique=True))
    either = len(ids) + len(members) - both
    return Overlap(segment, len(ids), both, both / either if either else 0.0)


def _spread(members: Ids, count: int) -> list[int]:
    if not len(members):
        return []
    places = np.linspace(0, len(members) - 1, min(count, len(members))).round().astype(int)
    return [int(member) for member in members[places]]


def _key(document: Any, days: int | None = None) -> str:
    return json.dumps([document, days], sort_keys=True)
