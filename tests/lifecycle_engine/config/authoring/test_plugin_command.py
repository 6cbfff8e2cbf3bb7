"""``manage.py plugin``: what it writes works, and what it checks is told."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from lifecycle_engine.config.environment import ROOT
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.sdk.scorers import Amount, ModelState, Scorer, scorers

NAME = "next_visit"


@pytest.fixture
def project(tmp_path):
    """A project's folder with plugins, such as a fresh clone has it."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "__init__.py").write_text('"""Plugins."""\n')
    return tmp_path


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else ""
        for path in folder.rglob("*")
    }


def begin(name, project, capsys=None):
    call_command("plugin", "new", name, folder=project)


def test_a_new_plugin_passes_its_own_tests(project, capsys):
    begin(NAME, project)

    assert f"plugins.{NAME}" in capsys.readouterr().out
    written = {path for path in everything(project) if path.endswith(".py")}
    assert written == {
        "plugins/__init__.py",
        *(f"plugins/{NAME}/{file}.py" for file in ("__init__", "apps", "scorers")),
        f"tests/plugins/{NAME}/test_scorers.py",
    }
    # As an author runs them: in a process of their own, with the plugin loaded at start-up.
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider",
         "--rootdir", project, "--import-mode=importlib", "-o", "filterwarnings=error",
         project / "tests"],
        cwd=project,
        env=os.environ
        | {
            "PYTHONPATH": f"{project}{os.pathsep}{ROOT}",
            "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
            "PLUGINS": f"plugins.{NAME}",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    assert "2 passed" in found.stdout


def test_a_new_plugin_is_in_the_house_style(project):
    begin(NAME, project)

    for command in (["check", "--ignore=I001"], ["format", "--check"]):
        found = subprocess.run(
            [Path(sys.executable).parent / "ruff", *command, "--no-cache", "--config",
             ROOT / "pyproject.toml", "."],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NextVisit", "no name for a plugin"),
        ("next-visit", "no name for a plugin"),
        ("../escape", "no name for a plugin"),
        ("_next", "no name for a plugin"),
        ("next__visit", "no name for a plugin"),
        ("9lives", "no name for a plugin"),
        ("n" * 41, "no name for a plugin"),
        ("", "no name for a plugin"),
        ("lambda", "word of Python's own"),
        ("match", "word of Python's own"),
        ("churn_predictor", "an app 'churn_predictor' already"),
        ("scoring", "an app 'scoring' already"),
    ],
)
def test_a_bad_or_taken_name_is_refused_and_nothing_changes(project, name, message):
    before = everything(project)

    with pytest.raises(CommandError, match=message):
        begin(name, project)

    assert everything(project) == before


@pytest.mark.parametrize("place", [f"plugins/{NAME}", f"tests/plugins/{NAME}"])
def test_what_is_there_is_left_alone(project, place):
    (project / place).mkdir(parents=True)
    (project / place / "mine.py").write_text("mine")
    before = everything(project)

    with pytest.raises(CommandError, match=f"{place} exists already"):
        begin(NAME, project)

    assert everything(project) == before


def test_a_folder_without_plugins_is_no_project(tmp_path):
    with pytest.raises(CommandError, match="There is no folder"):
        begin(NAME, tmp_path)

    assert everything(tmp_path) == {}


class Well(Scorer):
    """The mean, for everybody."""

    key = "well.spend"
    output = Amount("money")
    features = ("revenue_30d",)

    def outcome(self, tables):
        return tables.orders.group_by("customer_id").aggregate(target=tables.orders.value.sum())

    def fit(self, frame, target, *, validation, rng, progress=None):
        self.mean = float(target.mean())

    def predict(self, frame):
        return pd.Series(self.mean, index=frame.index)

    def baseline(self, frame):
        return frame["revenue_30d"].fillna(0.0)

    def state(self):
        return ModelState(params={"mean": self.mean})

    def restore(self, state):
        self.mean = state.params["mean"]


class Unwell(Well):
    """Breaks a promise."""

    key = "unwell.spend"

    def predict(self, frame):
        return super().predict(frame) - 1e9


class Absent(Well):
    """Fails in its own way."""

    key = "unwell.absent"

    def fit(self, *given, **named):
        raise LookupError("no such column")


@pytest.fixture
def only(monkeypatch):
    """No extension but those that a test registers."""

    def choose(*extensions):
        monkeypatch.setattr(scorers, "_classes", {one.key: one for one in extensions})
        monkeypatch.setattr(conditions, "_classes", {})

    return choose


def test_a_check_says_what_holds(only, capsys):
    only(Well)

    call_command("plugin", "check", "well.spend")

    out = capsys.readouterr().out
    assert out.startswith("ok      scorer     well.spend  tests.")
    assert "1 kept their promises, 0 broke one, 0 not checked here" in out


def test_a_check_says_what_is_broken_and_ends_with_an_error(only, capsys):
    only(Well, Unwell, Absent)

    with pytest.raises(CommandError, match="1 kept their promises, 2 broke one"):
        call_command("plugin", "check")

    out = capsys.readouterr().out
    assert "BROKEN  scorer     unwell.spend" in out
    assert "unwell.spend: predict returns negative numbers" in out
    assert "LookupError: no such column" in out


def test_what_acts_for_real_is_named_and_not_checked(only, capsys):
    only(Well)

    call_command("plugin", "check")
    short = capsys.readouterr().out
    call_command("plugin", "check", verbosity=2)
    long = capsys.readouterr().out

    assert "channel" not in short
    assert "not checked here (-v 2 says which, and why)" in short
    assert "-       channel    email" in long
    assert "its plugin's own tests check it" in long


def test_a_plugin_that_is_not_loaded_is_said(only):
    only(Well)

    with pytest.raises(CommandError, match="no extension or plugin 'nothing'"):
        call_command("plugin", "check", "nothing")
