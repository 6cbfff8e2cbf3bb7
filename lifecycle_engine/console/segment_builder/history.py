"""What was changed between two versions of a segment, in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.draft_models import SegmentVersion
from lifecycle_engine.segments.drafts import root_of
from lifecycle_engine.segments.drafts_tree import Node, group_kind, nodes_walk
from lifecycle_engine.segments.models import Segment, SegmentState
from lifecycle_engine.segments.rules import RuleError, rule_parse, rule_sentence
from lifecycle_engine.segments.rules.tree import VERSION


@dataclass(frozen=True)
class Change:
    """One entry of the history."""

    version: SegmentVersion
    lines: Sequence[str]


def segment_history(segment: Segment, *, limit: int) -> list[Change]:
    """The newest changes of a segment, each against what was before."""
    rows = list(segment.versions.order_by("-pk")[: limit + 1])
    before: list[SegmentVersion | None] = [*rows[1:], None]
    pairs = list(zip(rows, before, strict=False))[:limit]
    return [Change(row, version_lines(row, earlier)) for row, earlier in pairs]


def version_lines(now: SegmentVersion, before: SegmentVersion | None) -> list[str]:
    """What is different, one line for each thing."""
    if before is None and now.rule == {}:
        return [_("First version: a list.")]
    if before is None:
        return [_("First version: %(rule)s") % {"rule": _sentence(now.rule)}]
    lines = []
    if now.name != before.name:
        lines.append(_("Name: “%(before)s” → “%(now)s”") % {"before": before.name, "now": now.name})
    if now.description != before.description:
        lines.append(_("The description was changed."))
    if now.state != before.state:
        archived = now.state == SegmentState.ARCHIVED
        lines.append(_("It was archived.") if archived else _("It was brought back."))
    if now.rule != before.rule:
        lines += rule_lines(_root(before.rule), _root(now.rule))
    if now.size is not None and before.size is not None and now.size != before.size:
        lines.append(
            _("Size: %(before)s → %(now)s")
            % {"before": number_format(before.size), "now": number_format(now.size)}
        )
    return lines


def rule_lines(before: Node, now: Node) -> list[str]:
    """The conditions that were added, removed and changed, and the groups that hold otherwise."""
    was, is_ = _leaves(before), _leaves(now)
    gone, new = list((was - is_).elements()), list((is_ - was).elements())
    lines = []
    for old in list(gone):
        # Of the same kind: most likely the same one with other values.
        match = next((one for one in new if one[0] == old[0]), None)
        if match is not None:
            gone.remove(old)
            new.remove(match)
            lines.append(_("Changed: %(before)s → %(now)s") % {"before": old[1], "now": match[1]})
    lines += [_("Added: %(condition)s") % {"condition": words} for _key, words in new]
    lines += [_("Removed: %(condition)s") % {"condition": words} for _key, words in gone]
    if _groups(before) != _groups(now) or not lines:
        lines.append(_("The conditions are grouped in another way."))
    return lines


def _root(rule: Any) -> Node:
    return root_of(rule.get("rule") if isinstance(rule, dict) else None)


def _leaves(root: Node) -> Counter[tuple[str, str]]:
    """Each condition, by its key and in words."""
    return Counter(
        (str(node.get("condition")), _words(node))
        for _path, node in nodes_walk(root)
        if group_kind(node) is None
    )


def _groups(root: Node) -> Counter[str]:
    return Counter(kind for _path, node in nodes_walk(root) if (kind := group_kind(node)))


def _words(node: Node) -> str:
    config = {name: value for name, value in node.items() if name != "condition"}
    try:
        rule_parse({"version": VERSION, "rule": node})
        condition = conditions.get(str(node["condition"]))
        return condition(condition.Config.model_validate(config)).sentence()
    except RuleError:
        return str(node.get("condition"))


def _sentence(rule: Any) -> str:
    try:
        return rule_sentence(rule_parse(rule))
    except RuleError as error:
        return str(error)
