"""Files of others: exactly those of the lock, byte for byte, each package with its licence."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

ROOT = Path(__file__).parents[3]
FOLDERS = [ROOT / "lifecycle_engine" / "console" / "vendor", ROOT / "tests" / "e2e" / "vendor"]
LICENCES = {"MIT", "MPL-2.0"}


def verify(folder: Path) -> list[str]:
    """What is wrong with a folder of vendored packages; empty when all is well."""
    lock = json.loads((folder / "lock.json").read_text())
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    locked = {f"{name}/{file}" for name, package in lock.items() for file in package["files"]}
    wrong = [f"stray: {path}" for path in sorted(there - locked - {"lock.json"})]
    wrong += [f"missing: {path}" for path in sorted(locked - there)]
    for name, package in lock.items():
        if package["licence"] not in LICENCES:
            wrong.append(f"licence: {name}: {package['licence']}")
        if not any(file.startswith("LICENSE") for file in package["files"]):
            wrong.append(f"no licence text: {name}")
        for file, expected in package["files"].items():
            path = folder / name / file
            if path.exists() and _sha384(path) != expected:
                wrong.append(f"changed: {name}/{file}")
    return wrong


def _sha384(path: Path) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(FOLDERS[0], tmp_path / "vendor"))


@pytest.mark.parametrize("folder", FOLDERS, ids=["console", "tests"])
def test_vendored_files_are_those_of_the_lock(folder):
    assert verify(folder) == []
    for path in folder.rglob("*.js"):
        assert "sourceMappingURL" not in path.read_text(), path


def test_a_changed_byte_is_refused(copied):
    script = copied / "alpinejs_csp" / "alpine.js"
    script.write_text(script.read_text() + " ")

    assert verify(copied) == ["changed: alpinejs_csp/alpine.js"]


def test_a_stray_file_is_refused(copied):
    (copied / "alpinejs_csp" / "more.js").write_text("")

    assert verify(copied) == ["stray: alpinejs_csp/more.js"]


def test_a_missing_file_is_refused(copied):
    (copied / "alpinejs_csp" / "LICENSE.txt").unlink()

    assert verify(copied) == ["missing: alpinejs_csp/LICENSE.txt"]


def test_the_theme_s_alpine_is_replaced(settings):
    found = finders.find("unfold/js/alpine/alpine.js")

    assert Path(found) == FOLDERS[0] / "alpinejs_csp" / "alpine.js"
