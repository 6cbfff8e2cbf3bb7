"""``manage.py api_key``: make, rotate, revoke and list API keys."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from lifecycle_engine.core.models import RATE_LIMIT_DEFAULT, ApiKey, Scope
from lifecycle_engine.core.services import (
    GRACE_DEFAULT,
    ApiKeyError,
    api_key_create,
    api_key_revoke,
    api_key_rotate,
)

UNLIMITED = "unlimited"


class Command(BaseCommand):
    help = "API keys of partner systems. A new key is printed alone, once."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        _create_arguments(actions.add_parser("create", help="Make a key."))
        rotate = actions.add_parser("rotate", help="Give a key a new secret.")
        rotate.add_argument("--name", required=True, help="Whose key it is.")
        rotate.add_argument(
            "--grace-hours",
            type=_hours,
            default=GRACE_DEFAULT,
            metavar="H",
            help="How long the old secret stays good; 0 ends it at once. Default 24.",
        )
        revoke = actions.add_parser("revoke", help="End a key at once, and for good.")
        revoke.add_argument("--name", required=True, help="Whose key it is.")
        actions.add_parser("list", help="All keys, one a line, with tabs between.")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        try:
            match options["action"]:
                case "create":
                    self.stdout.write(_created(options))
                case "rotate":
                    _, key = api_key_rotate(
                        name=options["name"], grace=options["grace_hours"], at=at
                    )
                    self.stdout.write(key)
                case "revoke":
                    api_key_revoke(name=options["name"], at=at)
                case "list":
                    for line in _lines(at):
                        self.stdout.write("\t".join(line))
        except ApiKeyError as error:
            raise CommandError(str(error)) from None


def _create_arguments(create: CommandParser) -> None:
    create.add_argument("--name", required=True, help="Whose key it is; unique.")
    create.add_argument(
        "--scope",
        required=True,
        action="append",
        metavar="SCOPE",
        help=f"What the key may do; may be repeated. One of {', '.join(Scope.values)}.",
    )
    create.add_argument(
        "--rate-limit",
        type=_rate_limit,
        default=RATE_LIMIT_DEFAULT,
        metavar="N",
        help=f"Requests a minute, or {UNLIMITED}. Default %(default)s.",
    )
    create.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NETWORK",
        help="An address or CIDR network it may be used from; may be repeated. Default: anywhere.",
    )
    create.add_argument(
        "--partner",
        default="",
        metavar="PARTNER",
        help="Whose it is, if not the shop's own: only customers who consented to sharing:PARTNER"
        " are shown to it.",
    )
    create.add_argument(
        "--expires",
        type=_moment,
        metavar="TIME",
        help="When it ends, ISO 8601; UTC unless it says otherwise. Default: never.",
    )


def _rate_limit(text: str) -> int | None:
    return None if text == UNLIMITED else int(text)


def _hours(text: str) -> timedelta:
    try:
        return timedelta(hours=float(text))
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"wants a number of hours, got {text!r}") from None


def _moment(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:  # The form is right, but there is no such day or hour.
        found = None
    if found is None:
        raise ArgumentTypeError(f"wants a time such as 2027-01-31T12:00, got {text!r}")
    return found if timezone.is_aware(found) else found.replace(tzinfo=UTC)


def _created(options: dict[str, Any]) -> str:
    _, key = api_key_create(
        name=options["name"],
        scopes=options["scope"],
        rate_limit=options["rate_limit"],
        allowed_networks=options["allow"],
        partner=options["partner"],
        expires_at=options["expires"],
    )
    return key


def _lines(at: datetime) -> list[list[str]]:
    head = ["NAME", "PREFIX", "STATE", "SCOPES", "PER MINUTE", "ALLOWED", "PARTNER", "LAST USED"]
    return [head] + [
        [
            key.name,
            f"le_{key.prefix}",
            key.state(at=at),
            ",".join(key.scopes),
            UNLIMITED if key.rate_limit is None else str(key.rate_limit),
            ",".join(key.allowed_networks) or "anywhere",
            key.partner or "-",
            "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%dT%H:%M:%SZ}",
        ]
        for key in ApiKey.objects.order_by("name")
    ]
