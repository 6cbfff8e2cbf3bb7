"""``manage.py plugin``: begin a plugin, and check what plugins promise."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from lifecycle_engine.config.authoring.scaffold import ScaffoldError, plugin_begin
from lifecycle_engine.config.environment import ROOT, environment_read
from lifecycle_engine.sdk.testing.suite import Checked, extensions_check

_SIGNS = {"kept": "ok", "broken": "BROKEN", "unchecked": "-"}


class Command(BaseCommand):
    help = "Begin a plugin, or check that plugins keep the promises of the plugin API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        new = actions.add_parser(
            "new", help="Write a plugin with a scorer that works, and its test."
        )
        new.add_argument("name", help="such as next_visit")
        new.add_argument("--folder", type=Path, default=ROOT)
        check = actions.add_parser("check", help="Run the conformance suite.")
        check.add_argument("key", nargs="?", default="", help="an extension's key, or a plugin")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "new":
            self._new(options["name"], options["folder"])
        else:
            self._check(options["key"], verbose=options["verbosity"] > 1)

    def _new(self, name: str, folder: Path) -> None:
        try:
            written = plugin_begin(name=name, folder=folder)
        except ScaffoldError as error:
            raise CommandError(str(error)) from None
        for path in written:
            self.stdout.write(f"wrote {path}")
        loaded = ",".join([*environment_read().plugins, f"plugins.{name}"])
        self.stdout.write(f"Load it:   export PLUGINS={loaded}")
        self.stdout.write(f"Check it:  python manage.py plugin check {name}")
        self.stdout.write(f"Test it:   pytest {folder / 'tests' / 'plugins' / name}")

    def _check(self, key: str, *, verbose: bool) -> None:
        counted = dict.fromkeys(_SIGNS, 0)
        for checked in extensions_check(wanted=key):
            counted[checked.verdict] += 1
            # The engine's own are many, and say the same.
            if key or verbose or checked.verdict != "unchecked":
                self._say(checked)
        if not any(counted.values()):
            raise CommandError(
                f"There is no extension or plugin {key!r}. Does PLUGINS name it? "
                f"Loaded: {', '.join(environment_read().plugins) or 'none'}"
            )
        said = "{kept} kept their promises, {broken} broke one, {unchecked} not checked here"
        said += "" if key or verbose or not counted["unchecked"] else " (-v 2 says which, and why)"
        if counted["broken"]:
            raise CommandError(said.format(**counted))
        self.stdout.write(said.format(**counted))

    def _say(self, checked: Checked) -> None:
        took = f" ({checked.seconds:.1f} s)" if checked.verdict != "unchecked" else ""
        sign = _SIGNS[checked.verdict]
        self.stdout.write(f"{sign:<7} {checked.kind:<10} {checked.key}  {checked.owner}{took}")
        if checked.message:
            self.stdout.write(f"        {checked.message}")
