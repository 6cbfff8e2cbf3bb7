"""Whether the process is up, whether it can work, and what the API is."""

import pytest
from celery import current_app
from django.db import OperationalError, connection
from kombu import Connection


@pytest.mark.django_db
def test_all_is_well(client):
    assert client.get("/healthz").json() == {"status": "ok"}

    answer = client.get("/readyz")

    assert answer.status_code == 200
    checks = {"database": "ok", "migrations": "ok", "broker": "ok"}
    assert answer.json() == {"status": "ok", "checks": checks}
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_database_that_is_away_is_named_and_the_process_is_still_up(client, monkeypatch):
    def refuse(*_, **__):
        raise OperationalError("connection to host secret failed")

    monkeypatch.setattr(connection, "cursor", refuse)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "does not answer (OperationalError)",
        "migrations": "unknown",
        "broker": "ok",
    }
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_a_migration_that_is_not_applied_is_named(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == "not applied: sessions.0001_initial"


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # kombu's own models.
@pytest.mark.parametrize(
    "url", ["amqp://127.0.0.1:9", "sqla+postgresql+psycopg://127.0.0.1:9/x"], ids=["amqp", "sqla"]
)
def test_a_broker_that_is_away_is_named(client, monkeypatch, url):
    monkeypatch.setattr(current_app, "connection_for_write", lambda: Connection(url))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "is not reached (OperationalError)"
