"""Which embedded services a command needs, and starting them."""

import os

from lifecycle_engine.config.embedded.postgres import postgres_start
from lifecycle_engine.config.environment import environment_read

_WITHOUT_DATABASE = {"help", "version", "makemessages", "compilemessages", "collectstatic"} | {
    "mail_sink"
}


def needed_by(arguments: list[str]) -> bool:
    """Whether a ``manage.py`` command line works with the database."""
    asks_for_help = {"-h", "--help", "--version"} & set(arguments)
    return bool(arguments) and not asks_for_help and arguments[0] not in _WITHOUT_DATABASE


def start() -> None:
    """Start the embedded PostgreSQL unless ``DATABASE_URL`` names another, and export its URL.

    Children inherit the URL, so a whole stack shares one server.
    """
    environment = environment_read()
    if environment.embedded:
        os.environ["DATABASE_URL"] = postgres_start(environment.var)
        os.environ["LIFECYCLE_EMBEDDED"] = "1"
