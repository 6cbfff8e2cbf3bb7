"""Named SQL: statements live in ``<app>/sql/<name>.sql``, never in Python strings."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection


@cache
def sql_text(app_label: str, name: str) -> str:
    """The text of ``<app>/sql/<name>.sql``.

    Raises:
        FileNotFoundError: the app has no such statement.
    """
    return (Path(apps.get_app_config(app_label).path) / "sql" / f"{name}.sql").read_text()


def sql_rows(
    app_label: str, name: str, params: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Run a named statement with bound parameters and return its rows (none for a plain write)."""
    with connection.cursor() as cursor:
        cursor.execute(sql_text(app_label, name), params)
        return list(cursor.fetchall()) if cursor.description else []


def sql_execute(app_label: str, name: str, params: Mapping[str, Any] | None = None) -> int:
    """Run a named statement with bound parameters and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql_text(app_label, name), params)
        return int(cursor.rowcount)
