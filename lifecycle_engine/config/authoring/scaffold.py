"""The files of a new plugin: a model that works, to be changed into one's own."""

import keyword
import re
import shutil
from pathlib import Path
from string import Template
from tempfile import mkdtemp

from django.apps import apps

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
#: The scorer's key is the name and ".score", and the database keeps keys of up to 80 letters.
_LENGTH = 40


class ScaffoldError(Exception):
    """A plugin can't be begun under that name, or there; nothing was written."""


def plugin_begin(*, name: str, folder: Path) -> list[Path]:
    """Write a plugin with one scorer, and its test.

    Args:
        name: of the plugin's package, such as ``next_visit``.
        folder: the project's; the plugin goes into its ``plugins``, the test into its ``tests``.

    Returns:
        The files that were written.

    Raises:
        ScaffoldError: the name is bad or taken, or there is something in the way. Nothing changed.
    """
    _check_name(name)
    places = {
        folder / "plugins" / name: ("__init__.py", "apps.py", "scorers.py"),
        folder / "tests" / "plugins" / name: ("test_scorers.py",),
    }
    if not (folder / "plugins").is_dir():
        raise ScaffoldError(f"There is no folder {folder / 'plugins'}: name the project's folder")
    for place in places:
        if place.exists():
            raise ScaffoldError(f"{place} exists already")
    words = {"name": name, "title": _title(name), "class": _class(name)}
    written: list[Path] = []
    for place, files in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        # Beside where it goes, so that it appears whole or not at all.
        made = Path(mkdtemp(prefix=".", dir=place.parent))
        try:
            for file in files:
                text = (_TEMPLATES / f"{file}.txt").read_text()
                (made / file).write_text(Template(text).substitute(words))
            made.chmod(0o755)
            made.rename(place)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            for other in {path.parent for path in written}:
                shutil.rmtree(other)
            raise
        written += [place / file for file in files]
    return written


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LENGTH:
        raise ScaffoldError(
            f"{name!r} is no name for a plugin: small letters, digits and single underscores, "
            f"such as next_visit, at most {_LENGTH}"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise ScaffoldError(f"{name!r} is a word of Python's own")
    if apps.is_installed(f"plugins.{name}") or name in apps.app_configs:
        raise ScaffoldError(f"There is an app {name!r} already")


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _class(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
