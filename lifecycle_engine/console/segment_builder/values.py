"""From what staff typed to a condition's configuration, and back.

What can't be read stays as it was typed: the condition's own checks then say what is wrong with it,
at its field, and nobody loses a half-typed number.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from django.http import QueryDict

from lifecycle_engine.console.segment_builder.fields import FieldSpec, condition_fields
from lifecycle_engine.console.segment_builder.probing import accepts, shapes_accepted
from lifecycle_engine.segments.drafts_check import Place
from lifecycle_engine.segments.drafts_tree import Node

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
#: The member of the form that says which kind of part a field with several kinds is.
KIND = "@"


def leaf_new(key: str) -> Node:
    """A condition as it is when it was just added: what has a default has it."""
    return {"condition": key} | parts_new(condition_fields(key))


def parts_new(specs: Sequence[FieldSpec]) -> Node:
    """The values that new fields begin with."""
    found: Node = {}
    for spec in specs:
        if spec.default is not None:
            found[spec.name] = spec.default
        elif spec.needed and spec.kind == "choice":
            found[spec.name] = spec.choices[0][0]
        elif spec.needed and spec.kind == "rows":
            found[spec.name] = [parts_new(spec.row)]
        elif spec.needed and spec.kind in {"object", "variants"}:
            found[spec.name] = parts_new(next(iter(spec.parts.values())))
    return found


def leaf_read(key: str, post: QueryDict) -> Node:
    """A condition as the form has it."""
    specs = condition_fields(key)
    node = {"condition": key} | _parts_read(specs, post, ())
    # What a value is depends on its neighbours, the operator above all: so these come first.
    for place, spec in _anys(specs, node, ()):
        typed = post.get(field_name(place), "")
        _put(node, place, _any_read(key, node, place, typed))
        if spec.kind == "any" and _get(node, place) is None:
            _drop(node, place)
    return node


def field_name(place: Place) -> str:
    """What a field is called in the form."""
    return "f." + ".".join(map(str, place))


def text_of(value: Any) -> str:
    """A value as it is shown in a text field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([text_of(one) for one in value])
        written = line.getvalue()
        return written if '"' in written else written.replace(",", ", ")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def list_of(text: str) -> list[str]:
    """The entries of a list that is written with commas; one with a comma stands in quotes."""
    lines = csv.reader(io.StringIO(text.replace("\r", "")), skipinitialspace=True)
    return [entry.strip() for line in lines for entry in line if entry.strip()]


def _parts_read(specs: Sequence[FieldSpec], post: QueryDict, place: Place) -> Node:
    found: Node = {}
    for spec in specs:
        value = _READERS[spec.kind](spec, post, (*place, spec.name))
        if value is not None:
            found[spec.name] = value
    return found


def _text_read(spec: FieldSpec, post: QueryDict, place: Place) -> str | None:
    typed = post.get(field_name(place), "").replace("\0", "")
    return typed or ("" if spec.default == "" else None)


def _integer_read(spec: FieldSpec, post: QueryDict, place: Place) -> Any:
    typed = (_text_read(spec, post, place) or "").strip()
    return int(typed) if _INTEGER.fullmatch(typed) else typed or None


def _number_read(spec: FieldSpec, post: QueryDict, place: Place) -> Any:
    typed = (_text_read(spec, post, place) or "").strip()
    return _number(typed) if typed else None


def _number(typed: str) -> int | float | str:
    if _INTEGER.fullmatch(typed):
        return int(typed)
    return float(typed) if _NUMBER.fullmatch(typed) else typed


def _boolean_read(spec: FieldSpec, post: QueryDict, place: Place) -> bool | None:
    return {"true": True, "false": False}.get(_text_read(spec, post, place) or "")


def _choice_read(spec: FieldSpec, post: QueryDict, place: Place) -> Any:
    typed = post.get(field_name(place), "")
    known = {str(value): value for value, _words in spec.choices}
    return known.get(typed, typed or None)


def _choices_read(spec: FieldSpec, post: QueryDict, place: Place) -> list[Any] | None:
    known = {str(value): value for value, _words in spec.choices}
    chosen = [known.get(typed, typed) for typed in post.getlist(field_name(place))]
    return chosen or None


def _list_read(spec: FieldSpec, post: QueryDict, place: Place) -> list[Any] | None:
    return list_of(_text_read(spec, post, place) or "") or None


def _any_later(spec: FieldSpec, post: QueryDict, place: Place) -> str | None:
    return _text_read(spec, post, place)


def _rows_read(spec: FieldSpec, post: QueryDict, place: Place) -> list[Node] | None:
    count = post.get(f"{field_name(place)}.#", "0")
    rows = min(int(count), 100) if count.isdecimal() else 0
    found = [_parts_read(spec.row, post, (*place, number)) for number in range(rows)]
    return found if found or spec.needed else None


def _object_read(spec: FieldSpec, post: QueryDict, place: Place) -> Node | None:
    found = _parts_read(spec.row, post, place)
    return found if found or spec.needed else None


def _variants_read(spec: FieldSpec, post: QueryDict, place: Place) -> Node | None:
    kind = post.get(field_name((*place, KIND)), "")
    if kind not in spec.parts:
        return None
    was = post.get(field_name((*place, KIND + KIND)), kind)
    # The fields on the screen are those of the kind that it was before.
    return (
        parts_new(spec.parts[kind]) if was != kind else _parts_read(spec.parts[kind], post, place)
    )


def _json_read(spec: FieldSpec, post: QueryDict, place: Place) -> Any:
    typed = _text_read(spec, post, place)
    try:
        return json.loads(typed) if typed else None
    except ValueError:
        return typed


_READERS: dict[str, Callable[[FieldSpec, QueryDict, Place], Any]] = {
    "text": _text_read,
    "integer": _integer_read,
    "number": _number_read,
    "boolean": _boolean_read,
    "choice": _choice_read,
    "choices": _choices_read,
    "list": _list_read,
    "any": _any_later,
    "rows": _rows_read,
    "object": _object_read,
    "variants": _variants_read,
    "json": _json_read,
}


def _anys(specs: Sequence[FieldSpec], node: Any, place: Place) -> list[tuple[Place, FieldSpec]]:
    """Where in a configuration the fields are whose kind depends on others."""
    found = []
    for spec in specs:
        here = (*place, spec.name)
        inside = node.get(spec.name) if isinstance(node, dict) else None
        if spec.kind == "any":
            found.append((here, spec))
        elif spec.kind == "object":
            found += _anys(spec.row, inside, here)
        elif spec.kind == "rows":
            for number, row in enumerate(inside or []):
                found += _anys(spec.row, row, (*here, number))
    return found


def _any_read(key: str, node: Node, place: Place, typed: str) -> Any:
    """The value that the condition accepts for what was typed; a number where it reads as one."""
    typed = typed.replace("\0", "").strip()
    shapes = shapes_accepted(key, node, place)
    if "none" in shapes and len(shapes) == 1:
        return None
    if not typed:
        return None
    tried: list[Any]
    if "many" in shapes and "one" not in shapes:
        tried = [[_plain(entry) for entry in list_of(typed)], list_of(typed)]
    else:
        tried = [_plain(typed), typed]
    return next((value for value in tried if accepts(key, node, {place: value})), tried[0])


def _plain(typed: str) -> Any:
    """A number where writing it again gives the same: "007" is a name, not seven."""
    number = _number(typed)
    return number if not isinstance(number, str) and str(number) == typed else typed


def _get(node: Any, place: Place) -> Any:
    for part in place:
        node = node.get(part) if isinstance(node, dict) else node[part]
    return node


def _put(node: Any, place: Place, value: Any) -> None:
    _get(node, place[:-1])[place[-1]] = value


def _drop(node: Any, place: Place) -> None:
    _get(node, place[:-1]).pop(place[-1], None)
