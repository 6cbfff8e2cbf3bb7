"""The JSON schema of the rule language, generated from the registered conditions."""

from typing import Any

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.segments.rules.tree import GROUPS, LEAVES_MAX, VERSION


def rule_schema() -> dict[str, Any]:
    """JSON schema (2020-12) of a rule document, for editors and partners.

    It says all but the limits that a schema can't: the depth and the number of conditions overall.
    """
    definitions: dict[str, Any] = {}
    node = {"$ref": "#/$defs/node"}
    for kind in GROUPS:
        definitions[f"group.{kind}"] = {
            "type": "object",
            "properties": {kind: {"type": "array", "items": node, "maxItems": LEAVES_MAX}},
            "required": [kind],
            "additionalProperties": False,
        }
    for condition in conditions:
        _condition_add(definitions, condition)
    choices = [{"$ref": f"#/$defs/{name}"} for name in definitions if "/" not in name]
    empty = {"type": "object", "maxProperties": 0}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"version": {"const": VERSION}, "rule": {"anyOf": [node, empty]}},
        "required": ["version", "rule"],
        "additionalProperties": False,
        "$defs": {**definitions, "node": {"anyOf": choices}},
    }


def _condition_add(definitions: dict[str, Any], condition: type[Condition[Any]]) -> None:
    # Two conditions may each have a part called "Filter": the key keeps them apart. In a JSON
    # pointer ~1 stands for the slash.
    schema = condition.Config.model_json_schema(ref_template=f"#/$defs/{condition.key}~1{{model}}")
    for name, part in schema.pop("$defs", {}).items():
        definitions[f"{condition.key}/{name}"] = part
    schema["title"] = str(condition.label)
    schema["properties"] = {"condition": {"const": condition.key}, **schema.get("properties", {})}
    schema["required"] = ["condition", *schema.get("required", [])]
    definitions[condition.key] = schema
