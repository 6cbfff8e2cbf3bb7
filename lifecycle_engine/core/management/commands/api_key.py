"""``manage.py api_key``: make API keys."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import ApiKeyError, api_key_create


class Command(BaseCommand):
    help = "Make an API key for a partner system; prints the key alone, once."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="Make a key.")
        create.add_argument("--name", required=True, help="Whose key it is; unique.")
        create.add_argument(
            "--scope",
            required=True,
            action="append",
            metavar="SCOPE",
            help=f"What the key may do; may be repeated. One of {', '.join(Scope.values)}.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            _, key = api_key_create(name=options["name"], scopes=options["scope"])
        except ApiKeyError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(key)
