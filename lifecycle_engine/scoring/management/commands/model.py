"""``manage.py model``: list, promote, roll back, shadow, retire and check models."""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.models import ModelState, ModelVersion
from lifecycle_engine.scoring.monitoring.uses import use_set
from lifecycle_engine.scoring.use_models import Use, UseCause
from lifecycle_engine.scoring.versions import model_move, model_roll_back
from lifecycle_engine.sdk.scorers import scorers

_USES = {
    "use": "Publish the champion's scores from the next run on.",
    "baseline": "Publish the baseline's scores in place of the champion's.",
}
_MOVES = {
    "promote": ModelState.CHAMPION,
    "shadow": ModelState.SHADOW,
    "retire": ModelState.RETIRED,
}


class Command(BaseCommand):
    help = "Model versions: which one scores, and why."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="Versions, newest first, with tabs between.")
        listing.add_argument("scorer", help="The scorer, such as churn.risk.")
        checking = actions.add_parser("check", help="Check models in use; by default all of them.")
        checking.add_argument("scorer", nargs="*", help="Scorers, such as churn.risk.")
        for name, text in _USES.items():
            action = actions.add_parser(name, help=text)
            action.add_argument("scorer", help="The scorer, such as churn.risk.")
            action.add_argument("--reason", required=True, help="Why; kept for good.")
            action.add_argument("--by", required=True, help="Who decides.")
        for name in (*_MOVES, "rollback"):
            action = actions.add_parser(name)
            action.add_argument("scorer", help="The scorer, such as churn.risk.")
            if name in _MOVES:
                action.add_argument("number", type=int, help="The version's number.")
            action.add_argument("--reason", required=True, help="Why; kept for good.")
            action.add_argument("--by", required=True, help="Who decides.")

    def handle(self, *args: Any, **options: Any) -> None:
        scorer, action = options["scorer"], options["action"]
        if action == "list":
            for version in ModelVersion.objects.filter(scorer_key=scorer).order_by("-number"):
                line = (version.number, version.state, version.algorithm, version.as_of.isoformat())
                self.stdout.write("\t".join(map(str, line)))
            return
        if action == "check":
            self._check(scorer or scorers.keys())
            return
        said = {"reason": options["reason"], "by": options["by"]}
        try:
            if action in _USES:
                use = Use.MODEL if action == "use" else Use.BASELINE
                held = use_set(scorer_key=scorer, use=use, cause=UseCause.HAND, **said)
                self.stdout.write(str(held))
                return
            if action == "rollback":
                version = model_roll_back(scorer_key=scorer, **said)
            else:
                version = model_move(
                    version_id=_version_id(scorer, options["number"]), to=_MOVES[action], **said
                )
        except ModelChangeError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{version}: {version.state}")

    def _check(self, keys: Iterable[str]) -> None:
        # Judging loads the model libraries, which no other action does.
        from lifecycle_engine.scoring.monitoring.services import scorer_check  # noqa: PLC0415

        for key in keys:
            if key not in scorers:
                raise CommandError(f"No plugin has a scorer {key!r}")
            for check in scorer_check(scorer_key=key, at=business_now()):
                found = ", ".join(str(one["what"]) for one in check.findings if one["over"])
                self.stdout.write("\t".join((key, check.kind, check.state, found)))


def _version_id(scorer: str, number: int) -> int:
    found = ModelVersion.objects.filter(scorer_key=scorer, number=number).first()
    if found is None:
        raise ModelChangeError(f"Scorer {scorer} has no version {number}")
    return found.pk
