#!/usr/bin/env python
"""Command-line entry to the engine: ``python manage.py <command>``."""

import os
import sys

from django.core.management import execute_from_command_line

from lifecycle_engine.config.embedded import services
from lifecycle_engine.config.environment import EnvironmentVariableError


def main() -> None:
    """Start what is embedded, then hand over to Django.

    Exits with status 2 and one line that names the variable when the environment is wrong.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifecycle_engine.config.settings")
    try:
        services.prepare(sys.argv[1:])
        execute_from_command_line(sys.argv)
    except EnvironmentVariableError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
