"""Configurations whose JSON schema also says what two fields demand of each other."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from lifecycle_engine.sdk.registry import Config

Schema = Mapping[str, Any]
Demands = tuple[Schema, ...]


class Shape(Config):
    """A configuration with ``demands``: parts of a JSON schema that must hold as well.

    They repeat for editors and partners what the validators demand; a test sees that both agree.
    """

    demands: ClassVar[Demands] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The fields' schema with the demands of the class and of those it is derived from."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        demands = [demand for base in cls.__mro__ for demand in base.__dict__.get("demands", ())]
        if demands:
            schema["allOf"] = demands
        return schema


def given(*names: str) -> Schema:
    """One of these fields at least is there and not null."""
    return {
        "anyOf": [
            {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names
        ]
    }


def one_given(*names: str) -> Schema:
    """Exactly one of these fields is there and not null."""
    return {"oneOf": [given(name) for name in names]}


def either(one: Schema, other: Schema) -> Schema:
    """Not both."""
    return {"not": {"allOf": [one, other]}}


def when(one: Schema, then: Schema) -> Schema:
    """The first only together with the second."""
    return {"if": one, "then": then}
