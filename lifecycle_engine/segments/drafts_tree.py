"""Changing a rule that is being built: pure functions from one tree to the next.

A node is what it is in a rule's document: ``{"all": [...]}`` or ``{"condition": key, ...}``. The
fields of a condition may be wrong or not there yet. A node's place is its path: the numbers of the
children to go down by, ``()`` for the outermost group.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext as _

from lifecycle_engine.segments.rules import GROUPS
from lifecycle_engine.segments.rules.tree import DEPTH_MAX, LEAVES_MAX

Node = dict[str, Any]
Path = tuple[int, ...]


class TreeError(ValueError):
    """A change can't be made; the message says why to people."""


@dataclass(frozen=True)
class Edited:
    """A changed tree, and the place that who changed it wants to be at."""

    root: Node
    focus: Path


def group_kind(node: Node) -> str | None:
    """``all``, ``any`` or ``none``; None for a condition."""
    return next((kind for kind in GROUPS if kind in node), None)


def children(node: Node) -> list[Node]:
    """The nodes of a group; none of a condition."""
    kind = group_kind(node)
    return [] if kind is None else node[kind]


def nodes_walk(root: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node with its path, a group before what is in it."""
    yield path, root
    for number, child in enumerate(children(root)):
        yield from nodes_walk(child, (*path, number))


def node_at(root: Node, path: Path) -> Node:
    """The node at a path.

    Raises:
        TreeError: there is none.
    """
    node = root
    for number in path:
        inside = children(node)
        if not 0 <= number < len(inside):
            raise TreeError(_("There is nothing at this place any more."))
        node = inside[number]
    return node


def node_replace(root: Node, path: Path, node: Node) -> Edited:
    """Put another node at the path."""
    return Edited(_replaced(root, path, [node]) if path else node, path)


def group_kind_set(root: Node, path: Path, kind: str) -> Edited:
    """Have all, any or none of the group's nodes hold.

    Raises:
        TreeError: there is no such kind, or no group at the path.
    """
    group = node_at(root, path)
    if kind not in GROUPS or group_kind(group) is None:
        raise TreeError(_("A group holds when all, any or none of its conditions do."))
    return node_replace(root, path, {kind: children(group)})


def node_add(root: Node, path: Path, node: Node) -> Edited:
    """Put a node at the end of the group at the path.

    Raises:
        TreeError: no group is there, or the rule becomes too deep or too long.
    """
    group = node_at(root, path)
    kind = group_kind(group)
    if kind is None:
        raise TreeError(_("Only a group takes conditions."))
    inside = children(group)
    changed = node_replace(root, path, {kind: [*inside, node]}).root
    return _checked(Edited(changed, (*path, len(inside))))


def node_remove(root: Node, path: Path) -> Edited:
    """Take a node out; the outermost group is emptied instead."""
    node_at(root, path)
    if not path:
        return Edited({group_kind(root) or "all": []}, ())
    changed = _replaced(root, path, [])
    left = len(children(node_at(changed, path[:-1])))
    if not left:
        return Edited(changed, path[:-1])
    return Edited(changed, (*path[:-1], min(path[-1], left - 1)))


def node_duplicate(root: Node, path: Path) -> Edited:
    """Put a copy behind the node.

    Raises:
        TreeError: it is the outermost group, or the rule becomes too long.
    """
    node = _inner(root, path)
    return _checked(Edited(_replaced(root, path, [node, node]), _beside(path, 1)))


def node_wrap(root: Node, path: Path) -> Edited:
    """Put the node into a group of its own.

    Raises:
        TreeError: the rule becomes too deep.
    """
    node = node_at(root, path)
    return _checked(Edited(node_replace(root, path, {"all": [node]}).root, path))


def group_unwrap(root: Node, path: Path) -> Edited:
    """Put what is in the group into its place.

    Raises:
        TreeError: it is the outermost group, or a condition.
    """
    group = _inner(root, path)
    if group_kind(group) is None:
        raise TreeError(_("Only a group can be taken apart."))
    return Edited(_replaced(root, path, children(group)), path[:-1])


def node_move(root: Node, path: Path, direction: Literal["up", "down"]) -> Edited:
    """Move a node by one line, as it is read: past a condition, into a group, or out of one.

    Raises:
        TreeError: there is no line to move to, or the rule becomes too deep.
    """
    node = _inner(root, path)
    step = -1 if direction == "up" else 1
    beside = path[-1] + step
    siblings = children(node_at(root, path[:-1]))
    without = _replaced(root, path, [])
    if 0 <= beside < len(siblings):
        group = siblings[beside]
        if group_kind(group) is None:
            goal: Path = (*path[:-1], beside)
        else:
            # Taking the node out has moved the group up when it stood below.
            place = beside if step < 0 else path[-1]
            goal = (*path[:-1], place, len(children(group)) if step < 0 else 0)
    elif len(path) > 1:
        goal = path[:-1] if step < 0 else _beside(path[:-1], 1)
    else:
        raise TreeError(_("It can't be moved any further."))
    return _checked(Edited(_inserted(without, goal, node), goal))


def movable(root: Node, path: Path) -> tuple[bool, bool]:
    """Whether a node can be moved up, and down."""
    if not path:
        return False, False
    last = len(children(node_at(root, path[:-1]))) - 1
    return len(path) > 1 or path[-1] > 0, len(path) > 1 or path[-1] < last


def _inner(root: Node, path: Path) -> Node:
    if not path:
        raise TreeError(_("The outermost group stays where it is."))
    return node_at(root, path)


def _beside(path: Path, step: int) -> Path:
    return (*path[:-1], path[-1] + step)


def _replaced(node: Node, path: Path, by: list[Node]) -> Node:
    """The tree with other nodes, or none, in the place of one."""
    number, rest = path[0], path[1:]
    inside = children(node)
    changed = by if not rest else [_replaced(inside[number], rest, by)]
    return {str(group_kind(node)): [*inside[:number], *changed, *inside[number + 1 :]]}


def _inserted(node: Node, path: Path, new: Node) -> Node:
    number, rest = path[0], path[1:]
    inside = children(node)
    if rest:
        changed = [*inside[:number], _inserted(inside[number], rest, new), *inside[number + 1 :]]
    else:
        changed = [*inside[:number], new, *inside[number:]]
    return {str(group_kind(node)): changed}


def _checked(edited: Edited) -> Edited:
    paths = [(path, node) for path, node in nodes_walk(edited.root)]
    if any(group_kind(node) and len(path) >= DEPTH_MAX for path, node in paths):
        raise TreeError(
            _("A rule has at most %(depth)s groups in one another.") % {"depth": DEPTH_MAX}
        )
    if sum(group_kind(node) is None for _path, node in paths) > LEAVES_MAX:
        raise TreeError(_("A rule has at most %(count)s conditions.") % {"count": LEAVES_MAX})
    return edited
