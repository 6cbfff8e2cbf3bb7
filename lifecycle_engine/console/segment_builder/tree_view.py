"""What the rule's form shows: nodes, fields, choices and problems, ready for the templates."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from lifecycle_engine.console.segment_builder.fields import FieldSpec, condition_fields
from lifecycle_engine.console.segment_builder.probing import choices_accepted, shapes_accepted
from lifecycle_engine.console.segment_builder.suggestions import source_of
from lifecycle_engine.console.segment_builder.values import field_name, text_of
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.drafts_check import Place, Problem
from lifecycle_engine.segments.drafts_tree import (
    Node,
    Path,
    children,
    group_kind,
    movable,
    node_at,
)


@dataclass(frozen=True)
class FieldView:
    """A field as it is drawn.

    Attributes:
        widget: which piece of the template draws it.
        items: the fields of its parts: one list for ``object``, one for each row for ``rows``.
    """

    widget: str
    name: str
    html_id: str
    label: str
    help: str
    value: str
    choices: Sequence[tuple[str, str, bool]]
    limits: Mapping[str, Any]
    suggest: str
    problem: str
    place: str
    optional: bool
    items: Sequence[Sequence["FieldView"]] = ()
    rare: bool = False


@dataclass(frozen=True)
class NodeView:
    """A group or condition as it is drawn."""

    path: str
    html_id: str
    kind: str | None
    label: str
    number: str
    problem: str
    problem_missing: bool
    fields: Sequence[FieldView] = ()
    children: Sequence["NodeView"] = ()
    up: bool = False
    down: bool = False
    outermost: bool = False

    @property
    def often(self) -> Sequence[FieldView]:
        """The fields that are always on the screen."""
        return [one for one in self.fields if not one.rare]

    @property
    def rare(self) -> Sequence[FieldView]:
        """The fields that are folded away unless one of them says something."""
        return [one for one in self.fields if one.rare]

    @property
    def rare_open(self) -> bool:
        """Whether one of these says something."""
        return any(one.value or one.problem for one in self.rare)


def path_text(path: Path) -> str:
    """A path as the form sends it."""
    return "-".join(map(str, path))


def path_of(text: str) -> Path:
    """The path that the form sent; digits and hyphens only."""
    return tuple(int(part) for part in text.split("-") if part.isdecimal())


def tree_view(root: Node, problems: Sequence[Problem], hidden: Collection[str] = ()) -> NodeView:
    """The whole rule.

    Args:
        root: the outermost group.
        problems: what is wrong with it.
        hidden: names of conditions' fields that are drawn only where something stands in them.
    """
    by_path: dict[Path, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_path[problem.path].append(problem)
    return _node(root, (), root, by_path, hidden)


def node_view(
    root: Node,
    path: Path,
    problems: Sequence[Problem],
    hidden: Collection[str] = (),
) -> NodeView:
    """One node of the rule.

    Raises:
        TreeError: there is none at the path.
    """
    mine = {path: [one for one in problems if one.path == path]}
    return _node(node_at(root, path), path, root, mine, hidden)


def _node(
    node: Node,
    path: Path,
    root: Node,
    problems: Mapping[Path, Sequence[Problem]],
    hidden: Collection[str],
) -> NodeView:
    kind = group_kind(node)
    mine = problems.get(path, ())
    fields = () if kind else tuple(_leaf_fields(node, path, mine, hidden))
    drawn = {field.place for field in _every(fields)}
    # What belongs to no field that is on the screen is said at the node.
    needed = {
        field.place.rpartition("-")[0]
        for field in _every(fields)
        if field.value == ""
        and field.problem
        and not field.optional
        and field.widget in {"any", "list"}
    }
    rest = [one for one in mine if _dashed(one.place) not in drawn | needed]
    up, down = movable(root, path)
    return NodeView(
        path=path_text(path),
        html_id=f"n{path_text(path)}",
        kind=kind,
        label=_("Group") if kind else _label(node),
        number=".".join(str(number + 1) for number in path),
        problem=" ".join(one.message for one in rest),
        problem_missing=all(one.missing for one in rest),
        fields=fields,
        children=[
            _node(child, (*path, number), root, problems, hidden)
            for number, child in enumerate(children(node))
        ],
        up=up,
        down=down,
        outermost=not path,
    )


def _label(node: Node) -> str:
    key = str(node.get("condition"))
    return str(conditions.get(key).label) if key in conditions else key


def _leaf_fields(
    node: Node, path: Path, problems: Sequence[Problem], hidden: Collection[str]
) -> Iterator[FieldView]:
    key = str(node.get("condition"))
    if key in conditions:
        draw = _Drawn(key, node, path, {_dashed(one.place): one.message for one in problems})
        for one in draw.fields(condition_fields(key), node, ()):
            if one.place not in hidden or one.value:
                yield one


@dataclass(frozen=True)
class _Drawn:
    """Draws the fields of one condition."""

    key: str
    node: Node
    path: Path
    problems: Mapping[str, str] = field(default_factory=dict)

    def fields(self, specs: Sequence[FieldSpec], value: Any, place: Place) -> Iterator[FieldView]:
        """The fields of a part, without those that have nothing to take as things stand."""
        value = value if isinstance(value, dict) else {}
        for spec in specs:
            here = (*place, spec.name)
            beside = [(*place, other.name) for other in specs if other.kind == "any"]
            shapes = shapes_accepted(self.key, self.node, here) if spec.kind == "any" else {"one"}
            if shapes != {"none"}:
                yield self._field(spec, value.get(spec.name), here, beside, shapes)

    def _field(
        self,
        spec: FieldSpec,
        value: Any,
        place: Place,
        beside: Sequence[Place],
        shapes: set[str],
    ) -> FieldView:
        many = spec.kind == "list" or (spec.kind == "any" and "one" not in shapes)
        return FieldView(
            widget="list" if many else spec.kind,
            name=field_name(place),
            html_id=f"n{path_text(self.path)}-{_dashed(place)}",
            label=_(spec.label),
            help=_(spec.help) if spec.help else "",
            value=text_of(value),
            choices=self._choices(spec, value, place, beside),
            limits=spec.limits,
            suggest=spec.suggest or source_of(self.key, place),
            problem=self._problem(spec, value, place, shapes),
            place=_dashed(place),
            optional="none" in shapes
            if spec.kind == "any"
            else not spec.needed and not spec.default,
            items=self._items(spec, value, place),
            rare=spec.rare,
        )

    def _problem(self, spec: FieldSpec, value: Any, place: Place, shapes: set[str]) -> str:
        if spec.kind == "any" and value is None and "none" not in shapes:
            return _("This is needed.")
        return self.problems.get(_dashed(place), "")

    def _choices(
        self, spec: FieldSpec, value: Any, place: Place, beside: Sequence[Place]
    ) -> list[tuple[str, str, bool]]:
        if spec.kind == "variants":
            chosen = variant_of(spec, value)
            return [(name, _(name), name == chosen) for name in spec.parts]
        if spec.kind == "boolean":
            words = ((True, _("Yes")), (False, _("No")))
            return [(str(one).lower(), text, one is value) for one, text in words]
        offered = list(spec.choices)
        if spec.kind == "choice":
            offered = choices_accepted(self.key, self.node, place, spec, beside)
        on = value if isinstance(value, list) else [value]
        shown = [(str(one), _(str(words)), one in on) for one, words in offered]
        if spec.kind == "choice" and value is not None and not any(entry[2] for entry in shown):
            # What stands there stays visible, though it is no longer valid.
            shown.append((str(value), str(value), True))
        return shown

    def _items(self, spec: FieldSpec, value: Any, place: Place) -> list[list[FieldView]]:
        if spec.kind == "rows":
            rows = value if isinstance(value, list) else []
            return [
                list(self.fields(spec.row, row, (*place, number)))
                for number, row in enumerate(rows)
            ]
        if spec.kind == "object":
            return [list(self.fields(spec.row, value, place))]
        if spec.kind == "variants" and isinstance(value, dict):
            chosen = variant_of(spec, value)
            return [list(self.fields(spec.parts.get(chosen, ()), value, place))]
        return []


def variant_of(spec: FieldSpec, value: Any) -> str:
    """Which kind of part a value is: the first one that has all its fields."""
    if not isinstance(value, dict):
        return ""
    for name, parts in spec.parts.items():
        fixed = {part.name: part.choices for part in parts if len(part.choices) == 1}
        known = {part.name for part in parts}
        if set(value) <= known and all(
            value.get(one, choices[0][0]) == choices[0][0] for one, choices in fixed.items()
        ):
            return name
    return next(iter(spec.parts), "")


def _dashed(place: Place) -> str:
    return "-".join(map(str, place))


def _every(fields: Sequence[FieldView]) -> Iterator[FieldView]:
    for one in fields:
        yield one
        for row in one.items:
            yield from _every(row)
