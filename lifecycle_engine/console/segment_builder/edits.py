"""What the builder's buttons and fields do to a draft."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from lifecycle_engine.console.segment_builder.fields import FieldSpec, condition_fields
from lifecycle_engine.console.segment_builder.tree_view import path_of
from lifecycle_engine.console.segment_builder.values import leaf_new, leaf_read, parts_new
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.drafts import Content, root_of
from lifecycle_engine.segments.drafts_check import Place
from lifecycle_engine.segments.drafts_tree import (
    Edited,
    Node,
    Path,
    TreeError,
    group_kind,
    group_kind_set,
    group_unwrap,
    node_add,
    node_at,
    node_duplicate,
    node_move,
    node_remove,
    node_replace,
    node_wrap,
)
from lifecycle_engine.segments.rules import RuleError, rule_parse

_DETAILS = {"name": 120, "key": 80, "description": 2000}


@dataclass
class Edit:
    """A change of a draft that a form asks for.

    Attributes:
        op: which one.
        path: the node that it is about.
        focus: where to be afterwards; known once it was made.
        edited: the one field that was changed, for the steps of undoing.
    """

    post: QueryDict
    op: str
    path: Path
    focus: Path = ()
    edited: str = ""

    @classmethod
    def of(cls, post: QueryDict) -> "Edit":
        """The change that a form sends."""
        return cls(post, post.get("op", ""), path_of(post.get("path", "")))

    @property
    def in_place(self) -> bool:
        """Whether only fields change, so that the tree stays as it is drawn."""
        return self.op in {"leaf", "details"}

    def __call__(self, content: Content) -> Content:
        """The content after the change.

        Raises:
            TreeError: it can't be made.
        """
        if self.op == "details":
            return self._details(content)
        root: Node = content["rule"]
        if self.op == "leaf":
            return content | {"rule": self._leaf(root)}
        change = _CHANGES.get(self.op)
        if change is None:
            raise TreeError(_("There is no such change."))
        edited = change(root, self.path, self.post)
        self.focus = edited.focus
        return content | {"rule": edited.root}

    def _details(self, content: Content) -> Content:
        typed = {
            name: self.post.get(name, "").replace("\0", "")[:longest]
            for name, longest in _DETAILS.items()
            if name in self.post
        }
        changed = [name for name, value in typed.items() if content.get(name) != value]
        self.edited = f"details:{changed[0]}" if len(changed) == 1 else ""
        return content | typed

    def _leaf(self, root: Node) -> Node:
        was = _leaf_at(root, self.path)
        now = leaf_read(str(was["condition"]), self.post)
        changed = {_top(place) for place in _differences(was, now)}
        if len(changed) == 1:
            self.edited = f"{'-'.join(map(str, self.path))}:{changed.pop()}"
        self.focus = self.path
        return node_replace(root, self.path, now).root


def _leaf_at(root: Node, path: Path) -> Node:
    node = node_at(root, path)
    if group_kind(node) is not None or str(node.get("condition")) not in conditions:
        raise TreeError(_("There is nothing at this place any more."))
    return node


def _add(root: Node, path: Path, post: QueryDict) -> Edited:
    key = post.get("condition", "")
    if key not in conditions:
        raise TreeError(_("Choose a condition."))
    return node_add(root, path, leaf_new(key))


def _add_group(root: Node, path: Path, _post: QueryDict) -> Edited:
    return node_add(root, path, {"any": []})


def _row_add(root: Node, path: Path, post: QueryDict) -> Edited:
    leaf = leaf_read(str(_leaf_at(root, path)["condition"]), post)
    spec, holder = _rows(leaf, post)
    rows = [*(holder.get(spec.name) or []), parts_new(spec.row)]
    holder[spec.name] = rows
    return node_replace(root, path, leaf)


def _row_remove(root: Node, path: Path, post: QueryDict) -> Edited:
    leaf = leaf_read(str(_leaf_at(root, path)["condition"]), post)
    spec, holder = _rows(leaf, post)
    number = post.get("row", "")
    rows = list(holder.get(spec.name) or [])
    if number.isdecimal() and int(number) < len(rows):
        del rows[int(number)]
    if rows:
        holder[spec.name] = rows
    else:
        holder.pop(spec.name, None)
    return node_replace(root, path, leaf)


def _json(_root: Node, _path: Path, post: QueryDict) -> Edited:
    try:
        document = json.loads(post.get("json", ""))
        rule_parse(document)
    except (RuleError, ValueError) as error:
        raise TreeError(str(error)) from error
    return Edited(root_of(document["rule"]), ())


def _rows(leaf: Node, post: QueryDict) -> tuple[FieldSpec, Node]:
    """The field with rows that is meant, and the part of the condition that holds it."""
    wanted = post.get("field", "").split("-")
    specs: Mapping[str, FieldSpec] = {one.name: one for one in condition_fields(leaf["condition"])}
    holder: Any = leaf
    for name in wanted[:-1]:
        part = specs.get(name)
        if part is None or part.kind != "object":
            raise TreeError(_("There is nothing at this place any more."))
        holder = holder.setdefault(name, {})
        specs = {one.name: one for one in part.row}
    spec = specs.get(wanted[-1])
    if spec is None or spec.kind != "rows":
        raise TreeError(_("There is nothing at this place any more."))
    return spec, holder


_CHANGES: Mapping[str, Callable[[Node, Path, QueryDict], Edited]] = {
    "add": _add,
    "add-group": _add_group,
    "kind": lambda root, path, post: group_kind_set(root, path, post.get("kind", "")),
    "remove": lambda root, path, _post: node_remove(root, path),
    "duplicate": lambda root, path, _post: node_duplicate(root, path),
    "wrap": lambda root, path, _post: node_wrap(root, path),
    "unwrap": lambda root, path, _post: group_unwrap(root, path),
    "up": lambda root, path, _post: node_move(root, path, "up"),
    "down": lambda root, path, _post: node_move(root, path, "down"),
    "json": _json,
    "row-add": _row_add,
    "row-remove": _row_remove,
}


def _differences(was: Any, now: Any, place: Place = ()) -> Iterator[Place]:
    """The places where two documents differ."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in was.keys() | now.keys():
            yield from _differences(was.get(name), now.get(name), (*place, name))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (before, after) in enumerate(zip(was, now, strict=True)):
            if isinstance(before, dict):
                yield from _differences(before, after, (*place, number))
            elif before != after:
                yield place
    elif was != now:
        yield place


def _top(place: Place) -> str:
    return ".".join(map(str, place))
