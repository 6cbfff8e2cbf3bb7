"""What a condition would accept, found out by asking its own checks.

A condition says in code, not in its schema, that "created_at takes at_least and at_most only" or
that "is one of" wants a list. So that only what is valid is offered, also by conditions that this
engine has never seen, values of every shape are tried on its configuration.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from lifecycle_engine.console.segment_builder.fields import FieldSpec
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.drafts_check import Place
from lifecycle_engine.segments.drafts_tree import Node

_SHAPES: Mapping[str, Sequence[Any]] = {
    "one": ("2020-01-01", 1, "a"),
    "many": (["2020-01-01"], [1], ["a"], ["2020-01-01", "2020-01-02"], [1, 2]),
    "none": (None,),
}


def shapes_accepted(key: str, node: Node, place: Place) -> set[str]:
    """Whether a field takes one value, many, or none, as the other fields are now."""
    return {
        shape
        for shape, values in _SHAPES.items()
        if any(accepts(key, node, {place: value}) for value in values)
    }


def choices_accepted(
    key: str, node: Node, place: Place, spec: FieldSpec, values: Sequence[Place]
) -> list[tuple[Any, Any]]:
    """The choices that some value of the fields beside them goes with; all when none does.

    Args:
        key: the condition's.
        node: the condition.
        place: of the field with choices.
        spec: that field.
        values: the places of the fields beside it whose shape depends on it.
    """
    if not values:
        return list(spec.choices)
    found = [
        (choice, words)
        for choice, words in spec.choices
        if any(
            accepts(key, node, {place: choice, values[0]: value})
            for tried in _SHAPES.values()
            for value in tried
        )
    ]
    return found or list(spec.choices)


def accepts(key: str, node: Node, values: Mapping[Place, Any]) -> bool:
    """Whether nothing is wrong where the values are put, nor with what they make together."""
    config = copy.deepcopy({name: value for name, value in node.items() if name != "condition"})
    for place, value in values.items():
        at: Any = config
        for part in place[:-1]:
            at = at[part]
        at[place[-1]] = value
    try:
        conditions.get(key).Config.model_validate(config)
    except ValidationError as error:
        wrong = [details["loc"] for details in error.errors(include_url=False)]
        return not any(_meets(loc, place) for loc in wrong for place in values)
    return True


def _meets(loc: tuple[int | str, ...], place: Place) -> bool:
    shorter = min(len(loc), len(place))
    return loc[:shorter] == place[:shorter]
