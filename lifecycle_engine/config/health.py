"""Whether the process is up, and whether it can work."""

from contextlib import suppress

from celery import current_app
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Queue
from kombu.exceptions import OperationalError

_OK = "ok"
_BROKER_SECONDS = 2


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - the URL hands it over
    """The process is up."""
    return JsonResponse({"status": _OK})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - the URL hands it over
    """The database answers, its migrations are applied and the broker is reached; else 503.

    What is wrong is named, but not why in full: the page is open, and an error may name hosts.
    """
    database = _database_check()
    checks = {
        "database": database,
        "migrations": _migrations_check() if database == _OK else "unknown",
        "broker": _broker_check(),
    }
    ready = all(check == _OK for check in checks.values())
    body = {"status": _OK if ready else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


def _database_check() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return f"does not answer ({type(error).__name__})"
    return _OK


def _migrations_check() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    waiting = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
    return f"not applied: {', '.join(waiting)}" if waiting else _OK


def _broker_check() -> str:
    broker = current_app.connection_for_write()
    absent: tuple[type[BaseException], ...] = (
        OSError, OperationalError, *broker.connection_errors
    )  # fmt: skip
    try:
        with broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=_BROKER_SECONDS)
            # Not every transport connects before it is asked something. That there is no such
            # queue yet is an answer too.
            with suppress(*broker.channel_errors):
                Queue(current_app.conf.task_default_queue).bind(broker).queue_declare(passive=True)
    except absent as error:
        return f"is not reached ({type(error).__name__})"
    return _OK
