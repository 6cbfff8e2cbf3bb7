"""Rules of the architecture that import-linter can't see."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

from lifecycle_engine.config.environment import ROOT

LAYERS = {
    "core": 0,
    "customers": 1,
    "events": 2,
    "warehouse": 3,
    "segments": 4,
    "scoring": 5,
    "rewards": 5,
    "messaging": 5,
    "campaigns": 6,
    "console": 7,
}
MAX_LINES = 400
PACKAGES = ("lifecycle_engine", "campaigns", "plugins")


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in _sources():
        yield path.relative_to(ROOT), ast.parse(path.read_text())


def test_foreign_keys_point_down():
    upward = [
        f"{model.__name__}.{field.name} -> {field.related_model.__name__}"
        for model in apps.get_models()
        if model._meta.app_label in LAYERS
        for field in model._meta.get_fields()
        if field.many_to_one or (field.one_to_one and field.concrete)
        if field.related_model._meta.app_label in LAYERS
        if LAYERS[field.related_model._meta.app_label] > LAYERS[model._meta.app_label]
    ]

    assert upward == []


def test_every_app_of_ours_has_a_layer():
    ours = {
        config.label
        for config in apps.get_app_configs()
        if config.name.startswith(("lifecycle_engine.", "campaigns"))
    }

    assert ours == {*LAYERS, "engine_config"}


def test_no_file_is_longer_than_a_reader_s_patience():
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in _sources()}

    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


@pytest.mark.parametrize("name", ["utils.py", "helpers.py", "common.py"])
def test_no_file_has_a_name_that_says_nothing(name):
    assert [path for path in _sources() if path.name == name] == []


def test_no_model_signals():
    found = [
        (str(path), node.lineno)
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module in {"django.db.models.signals", "django.dispatch"}
        # Nothing is saved there: it says that the tables are up to date.
        and {alias.name for alias in node.names} != {"post_migrate"}
    ]

    assert found == []


def test_no_task_is_put_off_through_the_broker():
    """A broker repeats or loses what waits in it; ``due_at`` in a row does neither."""
    found = [
        (str(path), node.lineno, keyword.arg)
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in {"eta", "countdown"}
    ]

    assert found == []


def test_request_data_is_never_spread_into_a_query():
    """Lookups come from names we wrote, never from keys a client sent (CVE-2025-64459)."""
    query_methods = {"filter", "exclude", "annotate", "alias", "order_by", "get", "update", "Q"}
    found = [
        (str(path), node.lineno)
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in query_methods
        for keyword in node.keywords
        if keyword.arg is None
        and any(
            word in ast.unparse(keyword.value)
            for word in ("request", "validated_data", "query_params", ".data")
        )
    ]

    assert found == []


def test_modules_say_what_lives_in_them():
    assert [str(path) for path, tree in _trees() if not ast.get_docstring(tree)] == []
