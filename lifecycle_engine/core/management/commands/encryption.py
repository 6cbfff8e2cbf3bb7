"""``manage.py encryption``: keys of personal data at rest."""

from argparse import ArgumentParser
from typing import Any

from cryptography.fernet import Fernet
from django.core.management import BaseCommand, CommandError
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lifecycle_engine.core.encryption import DecryptionError
from lifecycle_engine.core.rotation import values_reencrypt


class Command(BaseCommand):
    help = "Make a key for ENCRYPTION_KEYS, or encrypt everything again with the first of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("key", help="Print a new key.")
        actions.add_parser("rotate", help="Encrypt all stored values with the first key.")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "key":
            self.stdout.write(Fernet.generate_key().decode())
            return
        columns = (SpinnerColumn(), TextColumn("{task.completed} values"), TimeElapsedColumn())
        with Progress(*columns) as bar:
            task = bar.add_task("")
            try:
                total = values_reencrypt(progress=lambda done: bar.update(task, completed=done))
            except DecryptionError as error:
                raise CommandError(str(error)) from None
        self.stdout.write(f"{total} values are encrypted with the first key")
