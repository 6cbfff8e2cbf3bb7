"""``manage.py plugin``: begin a plugin, check what plugins promise, and backtest a scorer."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from rich.console import Console

from lifecycle_engine.config.authoring.scaffold import ScaffoldError, plugin_begin
from lifecycle_engine.config.environment import ROOT, environment_read
from lifecycle_engine.sdk.testing.suite import Checked, extensions_check

_SIGNS = {"kept": "ok", "broken": "BROKEN", "unchecked": "-"}


class Command(BaseCommand):
    help = "Begin a plugin, check the promises of plugins, or roll a scorer over the past."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        new = actions.add_parser(
            "new", help="Write a plugin with a scorer that works, and its test."
        )
        new.add_argument("name", help="such as next_visit")
        new.add_argument("--folder", type=Path, default=ROOT)
        check = actions.add_parser("check", help="Run the conformance suite.")
        check.add_argument("key", nargs="?", default="", help="an extension's key, or a plugin")

        backtest = actions.add_parser(
            "backtest",
            help="Train and judge a scorer as of each month, as it would have been live.",
        )
        backtest.add_argument("key", help="the scorer, such as churn.risk")
        backtest.add_argument("--from", dest="first", required=True, metavar="YYYY-MM")
        backtest.add_argument("--to", dest="last", required=True, metavar="YYYY-MM")
        backtest.add_argument("--out", type=Path, help="a file for the JSON, instead of stdout")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "new":
            self._new(options["name"], options["folder"])
        elif action == "backtest":
            self._backtest(options["key"], options["first"], options["last"], options["out"])
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

    def _backtest(self, key: str, first: str, last: str, out: Path | None) -> None:
        # It loads the model libraries, for which the other actions need not wait.
        from lifecycle_engine.config.authoring import backtesting  # noqa: PLC0415

        told = Console(stderr=out is None)
        try:
            document = backtesting.backtest_shell(
                key=key, first=first, last=last, out=out, told=told
            )
        except backtesting.BacktestShellError as error:
            raise CommandError(str(error)) from None
        if out is None:
            self.stdout.write(document)

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
