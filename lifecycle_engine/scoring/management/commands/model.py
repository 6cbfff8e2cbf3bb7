"""``manage.py model``: list, promote, roll back, shadow and retire model versions."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.models import ModelState, ModelVersion
from lifecycle_engine.scoring.versions import model_move, model_roll_back

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
        said = {"reason": options["reason"], "by": options["by"]}
        try:
            if action == "rollback":
                version = model_roll_back(scorer_key=scorer, **said)
            else:
                version = model_move(
                    version_id=_version_id(scorer, options["number"]), to=_MOVES[action], **said
                )
        except ModelChangeError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{version}: {version.state}")


def _version_id(scorer: str, number: int) -> int:
    found = ModelVersion.objects.filter(scorer_key=scorer, number=number).first()
    if found is None:
        raise ModelChangeError(f"Scorer {scorer} has no version {number}")
    return found.pk
