"""The tutorial "Write your first scoring plugin": its files run, and they are what it shows."""

import importlib
import re
import sys
from pathlib import Path

import pytest
from django.apps import AppConfig

import plugins
from lifecycle_engine.scoring import services
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.warehouse.features import features_known

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"
PAGE = (TUTORIAL / "first-plugin.md").read_text()
FILES = ("apps", "scorers", "test_scorers")


@pytest.fixture
def plugin(monkeypatch):
    """The tutorial's plugin as a reader has it: a folder in ``plugins``, loaded at start-up."""
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(TUTORIAL)])
    with scorers.temporarily():
        config = AppConfig.create("plugins.order_soon")
        config.ready()
        yield config
    for name in [name for name in sys.modules if name.startswith("plugins.order_soon")]:
        del sys.modules[name]
    del plugins.order_soon


def test_the_page_shows_every_file():
    shown = re.findall(r"```\{literalinclude\} order_soon/(\w+)\.py\n", PAGE)
    assert shown == list(FILES)


def test_the_plugin_registers_its_scorer(plugin):
    assert plugin.verbose_name == "Order soon"
    assert scorers.owner("order_soon.probability") == "plugins.order_soon"


def test_its_own_tests_pass(plugin):
    module = importlib.import_module("plugins.order_soon.test_scorers")
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_engine_has_its_features(plugin):
    known = {feature.name for feature in features_known()}
    assert set(scorers.get("order_soon.probability").feature_names()) <= known


def test_the_page_names_what_there_is(plugin):
    assert set(re.findall(r'scorer_key="([\w.]+)"', PAGE)) == {"order_soon.probability"}
    for function in re.findall(r"services\.(\w+)\(", PAGE):
        assert callable(getattr(services, function))
    for path in re.findall(r"`(plugins/(?:churn|recom)[\w/.]+)`", PAGE):
        assert (TUTORIAL.parents[1] / path).exists()
