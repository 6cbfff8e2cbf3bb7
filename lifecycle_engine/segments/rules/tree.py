"""Reading a rule: the tree, its limits, and errors that say where and what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from pydantic import ValidationError

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.errors import UnknownExtensionError

VERSION = 1
GROUPS = ("all", "any", "none")
DEPTH_MAX = 8
LEAVES_MAX = 100

_SHOWN = 80  # Characters of a refused value that a message repeats.


class RuleError(ValueError):
    """A rule can't be used.

    Attributes:
        path: where, such as ``rule.all[1].days``.
        value: what stands there.
        reason: why it is refused.
        words: the same to staff, in their language where it can be.
    """

    def __init__(self, path: str, value: object, reason: str, words: str = "") -> None:
        self.path, self.value, self.reason, self.words = path, value, reason, words or reason
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
        super().__init__(f"{path}: {reason} (it is {shown})")


@dataclass(frozen=True)
class Leaf:
    """A condition and where in the rule it stands."""

    condition: Condition[Any]
    path: str


@dataclass(frozen=True)
class Group:
    """Nodes of which all, any or none hold."""

    kind: str
    children: tuple[Group | Leaf, ...]
    path: str


@dataclass(frozen=True)
class Rule:
    """A rule that was read and checked.

    Attributes:
        root: the tree, or None for the empty rule.
    """

    root: Group | Leaf | None

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The conditions, in the order they are written."""
        return tuple(node for node in _nodes(self.root) if isinstance(node, Leaf))

    @property
    def finished(self) -> bool:
        """Whether there is a condition, and no group is empty.

        What is not finished selects nobody. An empty group can't simply count as false: inside
        "none" it would select everybody, and an empty builder form must never do that.
        """
        groups = [node for node in _nodes(self.root) if isinstance(node, Group)]
        return self.root is not None and all(group.children for group in groups)

    @property
    def segments(self) -> frozenset[str]:
        """Keys of the segments whose membership the rule reads."""
        return frozenset(key for leaf in self.leaves for key in leaf.condition.segments())


def rule_parse(document: object) -> Rule:
    """Read a rule's JSON document.

    Raises:
        RuleError: an unknown key, condition or field, a value of the wrong kind, a rule that is
            too deep or too long; the error names the path and the value.
    """
    if not isinstance(document, Mapping):
        raise RuleError("rule", document, 'must be an object with "version" and "rule"')
    for key in document:
        if key not in {"version", "rule"}:
            raise RuleError(str(key), document[key], 'unknown key; there is "version" and "rule"')
    version = document.get("version")
    if version != VERSION or isinstance(version, bool):
        raise RuleError("version", version, f"must be {VERSION}")
    if "rule" not in document:
        raise RuleError("rule", None, "is missing")
    root = document["rule"]
    rule = Rule(None if root == {} else _node(root, "rule", depth=1))
    if len(rule.leaves) > LEAVES_MAX:
        words = _("A rule has at most %(most)s conditions.") % {"most": LEAVES_MAX}
        raise RuleError("rule", len(rule.leaves), f"has more than {LEAVES_MAX} conditions", words)
    return rule


def _node(node: object, path: str, depth: int) -> Group | Leaf:
    if not isinstance(node, Mapping):
        raise RuleError(path, node, "must be a group or a condition")
    if "condition" in node:
        return Leaf(_condition(node, path), path)
    kinds = [key for key in node if key in GROUPS]
    unknown = [key for key in node if key not in GROUPS]
    if unknown:
        raise RuleError(
            f"{path}.{unknown[0]}",
            node[unknown[0]],
            'unknown key; a node has "all", "any", "none" or "condition"',
        )
    if len(kinds) != 1:
        raise RuleError(path, dict(node), 'must have exactly one of "all", "any", "none"')
    return _group(kinds[0], node[kinds[0]], path, depth)


def _group(kind: str, children: object, path: str, depth: int) -> Group:
    inside = f"{path}.{kind}"
    if depth > DEPTH_MAX:
        words = _("Groups are nested at most %(most)s deep.") % {"most": DEPTH_MAX}
        raise RuleError(inside, children, f"is deeper than {DEPTH_MAX} groups", words)
    if not isinstance(children, list):
        raise RuleError(inside, children, "must be a list")
    if len(children) > LEAVES_MAX:
        raise RuleError(inside, len(children), f"has more than {LEAVES_MAX} entries")
    nodes = (_node(child, f"{inside}[{i}]", depth + 1) for i, child in enumerate(children))
    return Group(kind, tuple(nodes), path)


def _condition(node: Mapping[str, Any], path: str) -> Condition[Any]:
    key = node["condition"]
    if not isinstance(key, str):
        raise RuleError(f"{path}.condition", key, "must be the key of a condition")
    try:
        condition = conditions.get(key)
    except UnknownExtensionError as error:
        raise RuleError(f"{path}.condition", key, str(error)) from error
    config = {name: value for name, value in node.items() if name != "condition"}
    try:
        return condition(condition.Config.model_validate(config))
    except ValidationError as error:
        problems = [(_place(one["loc"], config, one["type"]), one) for one in error.errors()]
        where, first = problems[0]
        # A value of several kinds was refused as each of them.
        reasons = [_reason(one["type"], one["msg"]) for place, one in problems if place == where]
        raise RuleError(
            path + where, first["input"], "; or ".join(dict.fromkeys(reasons))
        ) from error


def _place(loc: Sequence[int | str], config: object, kind: str) -> str:
    """Where in the condition; without the names of the kinds that pydantic tried a value as."""
    words = ""
    for part in loc:
        if isinstance(part, int) and isinstance(config, list):
            words, config = f"{words}[{part}]", config[part]
        elif isinstance(config, Mapping) and (part in config or kind == "missing"):
            words, config = f"{words}.{part}", config.get(part)
    return words


def _reason(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "unknown field of the condition"
    if kind == "missing":
        return "is missing"
    return message.removeprefix("Value error, ")


def _nodes(node: Group | Leaf | None) -> Iterator[Group | Leaf]:
    if node is not None:
        yield node
    if isinstance(node, Group):
        for child in node.children:
            yield from _nodes(child)
