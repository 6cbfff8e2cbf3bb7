"""What is wrong with a rule that is being built, at the node and the field where it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.segments.drafts_tree import Node, Path, children, group_kind, nodes_walk
from lifecycle_engine.segments.rules import GROUPS, RuleError, rule_parse
from lifecycle_engine.segments.rules.tree import VERSION
from lifecycle_engine.segments.services import rule_references_check

Place = tuple[str | int, ...]

_STEP = re.compile(rf"\.(?:{'|'.join(GROUPS)})\[(\d+)\]")
_MISSING = {"missing", "string_too_short", "too_short"}


@dataclass(frozen=True)
class Problem:
    """Something to mend.

    Attributes:
        path: the node.
        place: the field of its condition, such as ``("where", 0, "property")``; empty for the
            node as a whole.
        message: what is wrong, to people.
        missing: whether something is merely not there yet.
    """

    path: Path
    place: Place
    message: str
    missing: bool = False


def rule_document(root: Node) -> dict[str, Any]:
    """The rule's document of a tree."""
    return {"version": VERSION, "rule": root}


def rule_problems(root: Node, *, key: str) -> list[Problem]:
    """Everything that is wrong or missing, from top to bottom.

    Args:
        root: the tree.
        key: of the segment that it is for; empty for a new one.
    """
    found = [problem for path, node in nodes_walk(root) for problem in _node_problems(path, node)]
    if any(not problem.missing or problem.place for problem in found):
        return found
    # What only the whole shows: limits, segments that aren't there, and cycles.
    try:
        rule_references_check(rule_parse(rule_document(root)), key=key)
    except RuleError as error:
        path, place = rule_place(error.path)
        found.append(Problem(path, place, error.words))
    return found


def rule_place(written: str) -> tuple[Path, Place]:
    """The node and the field that an error's path, such as ``rule.all[1].days``, means."""
    rest = written.removeprefix("rule")
    path: list[int] = []
    while step := _STEP.match(rest):
        path.append(int(step[1]))
        rest = rest[step.end() :]
    names = re.findall(r"[^.\[\]]+", rest)
    place = [int(name) if name.isdecimal() else name for name in names if name not in GROUPS]
    return tuple(path), tuple(name for name in place if name != "condition")


def _node_problems(path: Path, node: Node) -> Iterator[Problem]:
    if group_kind(node) is not None:
        if not children(node):
            yield Problem(path, (), _("Add a condition: an empty group selects nobody."), True)
        return
    key = str(node.get("condition"))
    if key not in conditions:
        message = _("There is no condition “%(key)s”: its plugin is missing or switched off.")
        yield Problem(path, (), message % {"key": key})
        return
    seen = set()
    for place, message, missing in config_problems(key, node):
        if place not in seen:
            seen.add(place)
            yield Problem(path, place, message, missing)


def config_problems(key: str, node: Node) -> list[tuple[Place, str, bool]]:
    """What a condition's configuration finds wrong: place, message, whether merely missing."""
    config = {name: value for name, value in node.items() if name != "condition"}
    try:
        conditions.get(key).Config.model_validate(config)
    except ValidationError as error:
        return [_said(details, config) for details in error.errors(include_url=False)]
    return []


def _said(details: ErrorDetails, config: Node) -> tuple[Place, str, bool]:
    place = _written(details["loc"], config)
    missing = details["type"] in _MISSING or (bool(place) and details["input"] in ("", None))
    wrong = details.get("ctx", {}).get("error")
    words = _(wrong.words) if isinstance(wrong, ConfigError) else _message(details)
    return place, words, missing


def _written(loc: tuple[int | str, ...], config: Any) -> Place:
    """The part of pydantic's place that is in the document; what follows are tags of unions."""
    place: list[int | str] = []
    at = config
    for number, part in enumerate(loc):
        is_member = isinstance(at, dict) and isinstance(part, str)
        is_entry = isinstance(at, list) and isinstance(part, int) and part < len(at)
        last = number == len(loc) - 1
        if not (is_entry or (is_member and (part in at or last or not place))):
            # A tag of a union stands before the field that it is about.
            continue
        place.append(part)
        at = at.get(part) if isinstance(at, dict) else at[part]
    return tuple(place)


def _message(details: ErrorDetails) -> str:
    kind, given = details["type"], details.get("ctx", {})
    if kind in _MISSING:
        return _("This is needed.")
    words = {
        "greater_than_equal": _("At least %(ge)s."),
        "greater_than": _("More than %(gt)s."),
        "less_than_equal": _("At most %(le)s."),
        "less_than": _("Less than %(lt)s."),
        "string_too_long": _("At most %(max_length)s characters."),
        "too_long": _("At most %(max_length)s entries."),
        "extra_forbidden": _("The condition has no such field."),
        "string_pattern_mismatch": _("This is not written as it has to be."),
    }.get(kind)
    if words is not None:
        return words % given
    if kind.startswith(("int", "float", "decimal")):
        return _("A number is wanted.") if not kind.startswith("int") else _("A whole number.")
    if kind in {"enum", "literal_error"}:
        return _("Choose one of the list.")
    if kind.startswith(("string", "bool", "list", "datetime", "date", "none")):
        return _("A value is wanted here.")
    return details["msg"].removeprefix("Value error, ")


def problems_words(count: int) -> str:
    """How many things there are to mend, in words."""
    return ngettext("%(count)s thing to complete", "%(count)s things to complete", count) % {
        "count": count
    }
