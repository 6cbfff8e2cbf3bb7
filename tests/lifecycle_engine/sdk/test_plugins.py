"""Loading a plugin: what is there, what is missing, what is broken."""

import sys
from types import ModuleType

import pytest
from django.core.exceptions import ImproperlyConfigured

from lifecycle_engine.sdk.plugins import EXTENSION_MODULES, PluginConfig


@pytest.fixture
def make_plugin(tmp_path, monkeypatch):
    """Write a plugin with the given modules and return its configuration, not yet ready."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(name="dummy_plugin", modules=None, **attributes):
        folder = tmp_path / name
        folder.mkdir()
        for module, text in {"__init__": "", **(modules or {})}.items():
            (folder / f"{module}.py").write_text(text)
        package = __import__(name)
        made.append(name)
        return type("DummyConfig", (PluginConfig,), {"name": name, **attributes})(name, package)

    yield make
    for name in list(sys.modules):
        if name.partition(".")[0] in made:
            del sys.modules[name]


def loaded(name):
    return isinstance(sys.modules.get(name), ModuleType)


def test_the_modules_that_exist_are_loaded(make_plugin):
    plugin = make_plugin(modules={"scorers": "SEEN = True", "other": "raise AssertionError"})

    plugin.ready()

    assert loaded("dummy_plugin.scorers")
    assert not loaded("dummy_plugin.conditions")
    assert not loaded("dummy_plugin.other")


def test_a_plugin_without_extensions_is_fine(make_plugin):
    make_plugin().ready()

    assert not any(loaded(f"dummy_plugin.{module}") for module in EXTENSION_MODULES)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("import a_library_that_is_missing", ModuleNotFoundError, "a_library_that_is_missing"),
        ("1 / 0", ZeroDivisionError, "division"),
    ],
)
def test_a_module_that_fails_to_import_fails_the_start(make_plugin, text, error, message):
    plugin = make_plugin(modules={"conditions": text})

    with pytest.raises(error, match=message):
        plugin.ready()


@pytest.mark.parametrize("requires", [">=99", "<0.0.1"])
def test_a_plugin_for_another_engine_is_refused_before_it_is_loaded(make_plugin, requires):
    plugin = make_plugin(
        modules={"scorers": "raise AssertionError"}, requires_engine=requires, version="2.1"
    )

    with pytest.raises(ImproperlyConfigured, match=f"dummy_plugin 2.1 requires engine {requires}"):
        plugin.ready()

    assert not loaded("dummy_plugin.scorers")


def test_the_base_is_never_taken_for_a_plugin_of_its_own():
    assert PluginConfig.default is False
