"""From a condition's configuration to the fields of a form.

The JSON schema of a ``Config`` says what each field takes, its annotations bring the words of
choices. Nothing here knows a condition by name, so that a plugin's shows up by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from lifecycle_engine.sdk.conditions import conditions

Schema = Mapping[str, Any]

_SCALARS = {"string", "integer", "number", "boolean"}


@dataclass(frozen=True)
class FieldSpec:
    """One field of a form.

    Attributes:
        name: what it is called in the configuration.
        kind: ``text``, ``integer``, ``number``, ``boolean``, ``choice``, ``choices`` (several of
            a list), ``list`` (of scalars), ``any`` (a scalar, or a list of them), ``rows`` (of
            parts), ``object`` (one part), ``variants`` (one part of several kinds), ``json``.
        label: its title.
        help: what else there is to say.
        needed: whether it has no default.
        default: what a new condition begins with; None for nothing.
        choices: value and words, for ``choice`` and ``choices``.
        limits: attributes of the input, such as ``min``.
        parts: the fields of a part; of each kind by its name for ``variants``.
        suggest: what completes what is typed; empty for nothing.
        rare: whether it is folded away while it is empty.
    """

    name: str
    kind: str
    label: str
    help: str = ""
    needed: bool = True
    default: Any = None
    choices: tuple[tuple[Any, Any], ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, tuple["FieldSpec", ...]] = field(default_factory=dict)
    suggest: str = ""
    rare: bool = False

    @property
    def row(self) -> tuple["FieldSpec", ...]:
        """The fields of a part, where there is one kind of it."""
        return self.parts.get("", ())


def condition_fields(key: str) -> tuple[FieldSpec, ...]:
    """The fields of a registered condition, those that have to be filled in first.

    Raises:
        UnknownExtensionError: there is no such condition.
    """
    return model_fields(conditions.get(key).Config)


@cache
def model_fields(model: type[BaseModel]) -> tuple[FieldSpec, ...]:
    """The fields of a configuration."""
    schema = model.model_json_schema()
    words = dict(_enum_words(model))
    return tuple(_parts(schema, schema.get("$defs", {}), words))


def _parts(schema: Schema, defs: Schema, words: Mapping[str, Any]) -> Iterator[FieldSpec]:
    needed = schema.get("required", [])
    # What has to be filled in stands first.
    entries = sorted(schema.get("properties", {}).items(), key=lambda one: one[0] not in needed)
    for name, about in entries:
        yield _spec(name, about, defs, words, needed=name in needed)


def _spec(
    name: str, about: Schema, defs: Schema, words: Mapping[str, Any], *, needed: bool
) -> FieldSpec:
    wanted = [_resolved(option, defs) for option in _options(_resolved(about, defs))]
    given = [option for option in wanted if option.get("type") != "null"]
    kind, core = _kind(given)
    inner = _resolved(core.get("items", core), defs) if kind in {"choices", "list"} else core
    return FieldSpec(
        name=name,
        kind=kind,
        label=_label(name, about, core, kind),
        help=str(about.get("description", "")),
        needed=needed,
        default=about.get("default"),
        choices=tuple((value, _word(value, words)) for value in _values(inner)),
        limits=_limits(given),
        parts=_inner_parts(kind, given, defs, words),
        suggest=str(about.get("suggest", core.get("suggest", ""))),
        rare=bool(about.get("rare")),
    )


def _label(name: str, about: Schema, core: Schema, kind: str) -> str:
    title = about.get("title")
    if title is None or (kind in {"choice", "object"} and title == core.get("title")):
        title = name.replace("_", " ").capitalize()
    return str(title)


def _kind(given: Sequence[Schema]) -> tuple[str, Schema]:
    """What kind of field takes these options, and the one that says most about it."""
    kinds = {kind for option in given for kind in [_kind_of(option)]}
    first = given[0] if given else {}
    if len(kinds) == 1:
        kind = kinds.pop()
        if kind == "object" and len(given) > 1:
            return "variants", first
        return kind, first
    if kinds == {"integer", "number"}:
        return "number", first
    if kinds <= {"text", "integer", "number", "boolean", "list", "choice"}:
        return "any", first
    return "json", first


def _kind_of(option: Schema) -> str:
    if _values(option):
        return "choice"
    kind = str(option.get("type", ""))
    if kind == "array":
        return _kind_of_list(option)
    if kind == "object":
        return "object" if option.get("properties") else "json"
    return {"string": "text"}.get(kind, kind) if kind in _SCALARS else "json"


def _kind_of_list(option: Schema) -> str:
    items = option.get("items", {})
    if _values(items):
        return "choices"
    if items.get("properties"):
        return "rows"
    inner = {_kind_of(one) for one in _options(items)}
    return "list" if inner <= {"text", "integer", "number", "boolean"} else "json"


def _inner_parts(
    kind: str, given: Sequence[Schema], defs: Schema, words: Mapping[str, Any]
) -> Mapping[str, tuple[FieldSpec, ...]]:
    if kind == "rows":
        return {"": tuple(_parts(_resolved(given[0]["items"], defs), defs, words))}
    if kind == "object":
        return {"": tuple(_parts(given[0], defs, words))}
    if kind == "variants":
        return {str(one.get("title", "?")): tuple(_parts(one, defs, words)) for one in given}
    return {}


def _options(about: Schema) -> list[Schema]:
    """What a field takes, one entry for each kind of value, unions within unions taken apart."""
    inside = about.get("anyOf") or about.get("oneOf")
    if not inside:
        return [about]
    return [found for option in inside for found in _options(option)]


def _resolved(about: Schema, defs: Schema) -> dict[str, Any]:
    """The schema with its references followed, one level of items and options included."""
    found = dict(about)
    if "$ref" in found:
        named = defs[found.pop("$ref").rpartition("/")[2]]
        found = {**_resolved(named, defs), **found}
    for union in ("anyOf", "oneOf"):
        if union in found:
            found[union] = [_resolved(option, defs) for option in found[union]]
    if isinstance(found.get("items"), Mapping):
        found["items"] = _resolved(found["items"], defs)
    return found


def _values(option: Schema) -> list[Any]:
    return [option["const"]] if "const" in option else list(option.get("enum", []))


def _limits(given: Sequence[Schema]) -> dict[str, Any]:
    names = {"minimum": "min", "maximum": "max", "maxLength": "maxlength", "format": "type"}
    found: dict[str, Any] = {}
    for option in given:
        found |= {names[name]: option[name] for name in names if name in option}
    if found.get("type") != "date":
        found.pop("type", None)
    return found if len(given) == 1 else {}


def _word(value: Any, words: Mapping[str, Any]) -> Any:
    # A lazy translation stays one: what is found here is kept for every language.
    return words.get(str(value)) or str(value).replace("_", " ")


def _enum_words(annotation: Any, seen: frozenset[Any] = frozenset()) -> Iterator[tuple[str, Any]]:
    """The words of every choice that a configuration's annotations have."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        for member in annotation:
            if hasattr(member, "label"):
                yield str(member.value), member.label
        return
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in seen:
            for about in annotation.model_fields.values():
                yield from _enum_words(about.annotation, seen | {annotation})
        return
    for inner in get_args(annotation):
        yield from _enum_words(inner, seen)
