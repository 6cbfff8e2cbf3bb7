"""What a command line needs before Django reads its settings."""

import os

from lifecycle_engine.config.demo import NOW as DEMO_NOW
from lifecycle_engine.config.embedded.postgres import postgres_start
from lifecycle_engine.config.environment import environment_read

_WITHOUT_DATABASE = {
    "help",
    "version",
    "makemessages",
    "compilemessages",
    "collectstatic",
    "plugin new",
    "plugin check",
}


def prepare(arguments: list[str]) -> None:
    """Set the scene for a ``manage.py`` command line: the demo's own state, the database.

    Raises:
        EnvironmentVariableError: a variable has a wrong value.
    """
    if arguments[:1] == ["demo"]:
        # Apart from the state of `run`, so that removing the one leaves the other.
        os.environ["VAR"] = str(environment_read().var.resolve() / "demo")
        os.environ["ENGINE_NOW"] = DEMO_NOW.isoformat()
    if _needs_database(arguments):
        start()


def start() -> None:
    """Start the embedded PostgreSQL unless ``DATABASE_URL`` names another, and export its URL.

    Children inherit the URL, so a whole stack shares one server.
    """
    environment = environment_read()
    if environment.embedded:
        os.environ["DATABASE_URL"] = postgres_start(environment.var)
        os.environ["LIFECYCLE_EMBEDDED"] = "1"


def _needs_database(arguments: list[str]) -> bool:
    """Whether a ``manage.py`` command line works with the database."""
    asks_for_help = {"-h", "--help", "--version"} & set(arguments)
    named = {" ".join(arguments[:1]), " ".join(arguments[:2])}
    return bool(arguments) and not asks_for_help and not named & _WITHOUT_DATABASE
