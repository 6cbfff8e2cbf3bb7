"""``manage.py privacy``: export and erase a customer, and erase again after a restore."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from lifecycle_engine.customers.erasure import (
    ErasureError,
    ErasureLogError,
    customer_erase,
    erasures_reapply,
)
from lifecycle_engine.customers.exports import export_lines
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.privacy_models import AccessAction
from lifecycle_engine.customers.selectors import customer_by_external_id
from lifecycle_engine.customers.trail import access_note

_ACTOR = "manage.py"


class Command(BaseCommand):
    help = "Export or erase a customer, or erase again whoever a restored backup brought back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        export = actions.add_parser("export", help="Print all that is kept of a customer as JSON.")
        export.add_argument("number", help="the customer's number")
        erase = actions.add_parser("erase", help="Erase a customer. It can't be undone.")
        erase.add_argument("number", help="the customer's number")
        erase.add_argument("--reason", default="", help="why, without naming the customer")
        again = actions.add_parser("reapply", help="Erase again whoever the erasure log names.")
        again.add_argument("--log", type=Path, default=Path(settings.ERASURE_LOG))

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "reapply":
            self._reapply(options["log"])
            return
        customer = customer_by_external_id(external_id=options["number"])
        if customer is None:
            raise CommandError(f"There is no customer {options['number']!r}")
        if action == "export":
            self._export(customer)
        else:
            self._erase(customer, options["reason"])

    def _export(self, customer: Customer) -> None:
        access_note(actor=_ACTOR, action=AccessAction.EXPORTED, customer_id=customer.pk)
        for line in export_lines(customer_id=customer.pk):
            self.stdout.write(line, ending="")

    def _erase(self, customer: Customer, reason: str) -> None:
        try:
            customer_erase(customer_id=customer.pk, actor=_ACTOR, reason=reason, at=timezone.now())
        except ErasureError as error:
            raise CommandError(str(error)) from None
        self.stdout.write("erased; the columnar copy follows within minutes")

    def _reapply(self, log: Path) -> None:
        try:
            count = erasures_reapply(path=log, actor=_ACTOR, at=timezone.now())
        except ErasureLogError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{count} customers were erased again")
