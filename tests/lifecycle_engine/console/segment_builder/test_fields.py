"""From any condition's configuration to a form, and from the form back."""

from enum import StrEnum
from typing import Annotated, Literal

import pytest
from django.http import QueryDict
from pydantic import Field, StrictInt, model_validator

from lifecycle_engine.console.segment_builder.fields import condition_fields, model_fields
from lifecycle_engine.console.segment_builder.probing import shapes_accepted
from lifecycle_engine.console.segment_builder.tree_view import tree_view
from lifecycle_engine.console.segment_builder.values import (
    leaf_new,
    leaf_read,
    list_of,
    text_of,
)
from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.segments.drafts_check import rule_problems


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(Config):
    name: str = Field(title="Name", min_length=1)
    weight: float | None = None


class Past(Config):
    days: StrictInt = 30


class Between(Config):
    start: str
    end: str


class StrangeConfig(Config):
    """Every kind of field that a plugin may think of."""

    text: str = Field(title="A text", description="Help", json_schema_extra={"suggest": "event"})
    whole: Annotated[StrictInt, Field(ge=1, le=9)] | None = None
    yes: bool = False
    colour: Colour = Colour.RED
    colours: list[Colour] = Field(default_factory=list)
    words: list[str] | None = None
    part: Part | None = None
    parts: list[Part] = Field(default_factory=list)
    window: Past | Between = Past()
    mode: Literal["a", "b"] = "a"
    anything: dict[str, str] = Field(default_factory=dict)
    value: int | str | list[str] | None = None
    day: str = Field(default="", json_schema_extra={"format": "date", "rare": True})

    @model_validator(mode="after")
    def _suits(self) -> "StrangeConfig":
        if self.mode == "b" and not isinstance(self.value, list):
            raise ValueError("b wants a list")
        return self


class Strange(Condition[StrangeConfig]):
    """A plugin's."""

    key = "strange.thing"
    label = "Strange thing"
    Config = StrangeConfig


@pytest.fixture
def _strange():
    with conditions.temporarily(Strange):
        yield


def form(**fields):
    post = QueryDict(mutable=True)
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        post.setlist("f." + name.replace("__", "."), values)
    return post


def test_every_kind_of_field_is_found():
    kinds = {spec.name: spec.kind for spec in model_fields(StrangeConfig)}

    assert kinds == {
        "text": "text",
        "whole": "integer",
        "yes": "boolean",
        "colour": "choice",
        "colours": "choices",
        "words": "list",
        "part": "object",
        "parts": "rows",
        "window": "variants",
        "mode": "choice",
        "anything": "json",
        "value": "any",
        "day": "text",
    }


def test_titles_limits_help_and_completion_come_from_the_configuration():
    fields = {spec.name: spec for spec in model_fields(StrangeConfig)}

    assert (fields["text"].label, fields["text"].help) == ("A text", "Help")
    assert fields["text"].suggest == "event"
    assert fields["text"].needed
    assert (fields["day"].limits, fields["day"].rare) == ({"type": "date"}, True)
    assert fields["whole"].limits == {"min": 1, "max": 9}
    assert fields["colour"].choices == (("red", "red"), ("blue", "blue"))
    assert [part.name for part in fields["parts"].row] == ["name", "weight"]


@pytest.mark.parametrize("key", conditions.keys())
def test_every_condition_of_ours_has_a_form_that_needs_no_json(key):
    def kinds(fields):
        for spec in fields:
            yield spec.kind
            for parts in spec.parts.values():
                yield from kinds(parts)

    assert "json" not in set(kinds(condition_fields(key)))


@pytest.mark.usefixtures("_strange")
def test_a_form_becomes_a_configuration():
    post = form(
        text="x",
        whole="3",
        yes="true",
        colour="blue",
        colours=["red", "blue"],
        words='a, "b, c"',
        **{"part__name": "p", "part__weight": "1.5", "parts__#": "1", "parts__0__name": "q"},
        **{"window__@": "Between", "window__start": "1", "window__end": "2"},
        mode="a",
        anything='{"a": "b"}',
        value="7",
    )

    assert leaf_read("strange.thing", post) == {
        "condition": "strange.thing",
        "text": "x",
        "whole": 3,
        "yes": True,
        "colour": "blue",
        "colours": ["red", "blue"],
        "words": ["a", "b, c"],
        "part": {"name": "p", "weight": 1.5},
        "parts": [{"name": "q"}],
        "window": {"start": "1", "end": "2"},
        "mode": "a",
        "anything": {"a": "b"},
        "value": 7,
        "day": "",
    }


@pytest.mark.usefixtures("_strange")
def test_what_can_not_be_read_stays_as_it_was_typed():
    post = form(whole="three", anything="{", colour="green", mode="a", value="007")

    read = leaf_read("strange.thing", post)

    assert (read["whole"], read["anything"], read["colour"]) == ("three", "{", "green")
    assert read["value"] == "007", "with its noughts it is a name and no number"
    assert "text" not in read


@pytest.mark.usefixtures("_strange")
def test_a_value_has_the_shape_that_its_neighbours_ask_for():
    assert leaf_read("strange.thing", form(text="x", mode="b", value="1, 2"))["value"] == ["1", "2"]
    node = {"condition": "attribute", "field": "country", "operator": "missing", "value": "DE"}
    assert shapes_accepted("attribute", node, ("value",)) == {"none"}
    assert shapes_accepted("attribute", node | {"operator": "is"}, ("value",)) == {"one"}
    assert shapes_accepted("attribute", node | {"operator": "one_of"}, ("value",)) == {"many"}


def test_only_operators_that_suit_the_field_are_offered():
    def offered(field):
        node = {"condition": "attribute", "field": field, "operator": "is", "value": "x"}
        (leaf,) = tree_view({"all": [node]}, []).children
        return {choice[0] for choice in leaf.fields[1].choices}

    assert "is" in offered("country")
    assert "at_least" not in offered("country")
    assert {"is", "at_least"} <= offered("attributes.points")
    assert "one_of" not in offered("created_at")


def test_a_new_condition_has_its_defaults_and_the_first_choice():
    new = leaf_new("attribute")

    assert new["operator"] == "is"
    assert "field" not in new


@pytest.mark.parametrize("values", [["Lyon", "Paris"], ['a "b"', "c, d"], [1, 2.5], ["x"]])
def test_lists_are_written_so_that_they_can_be_read(values):
    assert list_of(text_of(values)) == [str(value) for value in values]


def test_rare_fields_are_folded_away_until_they_say_something():
    leaf = {"condition": "event.absent", "name": "x"}
    (folded,) = tree_view({"all": [leaf]}, []).children
    (opened,) = tree_view({"all": [leaf | {"first_day": "2017-01-01"}]}, []).children

    assert {"first_day", "last_day"} <= {field.place for field in folded.rare}
    assert not folded.rare_open
    assert opened.rare_open


def test_a_missing_value_is_said_once_and_at_its_field():
    root = {"all": [{"condition": "attribute", "field": "country", "operator": "is"}]}

    (leaf,) = tree_view(root, rule_problems(root, key="")).children

    assert leaf.problem == ""
    assert leaf.fields[2].problem == "This is needed."
