"""Writes the generated parts of the reference pages: ``.venv/bin/python -m docs.reference_tables``.

A generated part stands between two comments that name it; the rest of a page is written by hand. A
test compares the parts with what this module makes, so they can't grow stale.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any

import docs.ready  # noqa: F401 - first, since what comes next has models.
from docs.feature_tables import features_part
from lifecycle_engine.config.embedded import services
from lifecycle_engine.sdk.conditions import conditions

REFERENCE = Path(__file__).parent / "reference"

#: One example of each of the engine's own conditions, as it stands in a rule.
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "attribute": {"field": "country", "operator": "one_of", "value": ["DE", "AT"]},
    "category.bought": {"department": "PASTRY", "days": 90, "at_least": 2},
    "category.lapsed": {"department": "SEAFOOD", "days": 60},
    "category.share": {"brand": "Acme", "days": 365, "at_least_percent": 30},
    "coupon.has": {"state": "issued", "offer": "spring"},
    "date.near": {"field": "attributes.birthday", "yearly": True, "from_days": 0, "to_days": 7},
    "consent.granted": {"channel": "email", "purpose": "marketing"},
    "event.absent": {"name": "Order Completed", "days": 30},
    "event.count": {
        "name": "Product Viewed",
        "days": 14,
        "at_least": 3,
        "where": [{"property": "category", "operator": "is", "value": "TEA"}],
    },
    "event.figure": {
        "name": "Order Completed",
        "property": "total",
        "measure": "average",
        "at_least": 50,
        "days": 365,
    },
    "event.first_or_last": {"name": "Order Completed", "which": "first", "days": 30},
    "event.sequence": {
        "name": "Product Added",
        "days": 7,
        "then": {"name": "Order Completed"},
        "within_hours": 24,
        "followed": False,
    },
    "identity.kind": {"kind": "email"},
    "location.near": {"latitude": 52.52, "longitude": 13.4, "kilometres": 25},
    "order.recency": {"at_least_days": 30, "at_most_days": 90},
    "order.total": {"days": 90, "at_least": 500},
    "random.bucket": {"salt": "june", "below_percent": 50},
    "recommendation.contains": {"department": "PASTRY", "top": 5},
    "score.class": {"scorer": "persona.behaviour", "classes": [2, 5]},
    "score.percentile": {"scorer": "churn.risk", "operator": "at_least", "percentile": 90},
    "score.value": {"scorer": "churn.risk", "operator": "at_least", "value": 0.5},
    "segment.member": {"segment": "regulars"},
    "stage.is": {"one_of": ["loyal", "at_risk"]},
}

#: How the types of a JSON schema are called here.
_TYPES = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "string": "text",
}


def conditions_part() -> str:
    """A section for each registered condition: what it means, its fields, an example."""
    return "\n\n".join(_condition(condition) for condition in conditions)


#: The generated parts by name: the page that each stands in, and what makes it.
PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "conditions": ("rules.md", conditions_part),
    "features": ("features.md", features_part),
}


def part_replaced(page: str, name: str, content: str) -> str:
    """The page with another content in its generated part of that name."""
    start, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise LookupError(f"the page has no generated part {name!r}")
    return pattern.sub(lambda _match: f"{start}\n\n{content}\n\n{end}", page)


def main() -> None:
    """Write all generated parts; the demo's database is asked what classes are called."""
    services.prepare(["demo"])
    for name, (file, make) in PARTS.items():
        path = REFERENCE / file
        path.write_text(part_replaced(path.read_text(), name, make()))


def _condition(condition: Any) -> str:
    config = EXAMPLES[condition.key]
    example = json.dumps({"condition": condition.key, **config})
    sentence = condition(condition.Config.model_validate(config)).sentence()
    fields = _table(("field", "wants", "default", "meaning"), list(_fields(condition.Config)))
    return "\n\n".join(
        (
            f"### `{condition.key}`",
            cleandoc(condition.__doc__ or "").split("\n\n")[0],
            fields,
            f"```json\n{example}\n```",
            f"In words: a customer who {sentence}.",
        )
    )


def _fields(config: Any) -> Iterator[tuple[str, str, str, str]]:
    schema = config.model_json_schema()
    yield from _schema_fields(schema, schema.get("$defs", {}), prefix="")


def _schema_fields(
    schema: Mapping[str, Any], parts: Mapping[str, Any], *, prefix: str
) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        default = "required" if name in required else _default(field.get("default"))
        meaning = ": ".join(str(field[key]) for key in ("title", "description") if key in field)
        yield f"`{prefix}{name}`", _words(field, parts), default, meaning
        entry = _resolved(field.get("items", {}), parts)
        whole = _resolved(field, parts)
        if "properties" in entry:
            yield from _schema_fields(entry, parts, prefix=f"{prefix}{name}[].")
        if "properties" in whole:
            yield from _schema_fields(whole, parts, prefix=f"{prefix}{name}.")


def _default(value: object) -> str:
    return "none" if value in (None, []) else f"`{json.dumps(value)}`"


def _words(field: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    field = _resolved(field, parts)
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return _choice([_resolved(option, parts) for option in field["anyOf"]], parts)
    words = _TYPES.get(field.get("type", ""), "object")
    if words == "list":
        inner = _resolved(field["items"], parts)
        return f"list of {'objects' if 'properties' in inner else _words(inner, parts)}"
    return words + _bounds(field)


def _choice(options: Sequence[Mapping[str, Any]], parts: Mapping[str, Any]) -> str:
    kinds = {option.get("type") for option in options}
    # Nothing is the default; and whoever reads "number" needs no "whole number" beside it.
    dull = {"null", "integer"} if "number" in kinds else {"null"}
    said = [option for option in options if option.get("type") not in dull]
    simple = [_words(option, parts) for option in said if option.get("type") != "array"]
    lists = [_words(option, parts) for option in said if option.get("type") == "array"]
    return ", or ".join([*simple, *(["a list of these"] if simple and lists else lists)])


def _bounds(field: Mapping[str, Any]) -> str:
    words = (
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("maxLength", "characters up to"),
    )
    # A bound that only keeps numbers exact says nothing to a reader.
    said = [f"{word} {field[key]:,}" for key, word in words if abs(field.get(key, 1e15)) < 1e15]
    return f" ({', '.join(said)})" if said else ""


def _resolved(field: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = field.get("$ref", "")
    return {**field, **parts[reference.rpartition("/")[2]]} if reference else field


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(cells) for cells in (head, ("---",) * len(head), *rows)]
    # An angle bracket would begin a tag.
    return "\n".join(f"| {line} |".replace("<", "&lt;") for line in lines)


if __name__ == "__main__":
    main()
