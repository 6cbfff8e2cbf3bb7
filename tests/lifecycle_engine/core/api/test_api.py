"""What all API views share: keys and scopes, the shape of errors, bodies and pages."""

from base64 import b64encode

import pytest
from django.db import OperationalError
from django.http import Http404
from django.utils import timezone
from rest_framework import exceptions

from lifecycle_engine.core.api.errors import exception_handler
from lifecycle_engine.core.models import ApiKey, Scope
from tests.factories.core import bearer

CUSTOMERS = "/api/v1/customers/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("_case", "header", "code"),
    [
        ("none", {}, "not_authenticated"),
        ("another scheme", {"Authorization": "Basic eDp5"}, "not_authenticated"),
        ("no key", {"Authorization": "Bearer"}, "authentication_failed"),
        ("unknown key", {"Authorization": "Bearer le_0_x"}, "authentication_failed"),
        ("not ASCII", {"Authorization": "Bearer le_\xe9_x"}, "authentication_failed"),
    ],
)
def test_who_shows_no_key_is_asked_for_one(client, _case, header, code):
    answer = client.get(CUSTOMERS, headers=header)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == code
    assert answer.json()["fields"] == {}


@pytest.mark.django_db
def test_a_revoked_key_is_refused(client):
    headers = bearer(Scope.CUSTOMERS_READ)
    ApiKey.objects.update(revoked_at=timezone.now())

    assert client.get(CUSTOMERS, headers=headers).status_code == 401


@pytest.mark.django_db
def test_an_expired_key_is_refused(client):
    headers = bearer(Scope.CUSTOMERS_READ)
    ApiKey.objects.update(expires_at=timezone.now())

    answer = client.get(CUSTOMERS, headers=headers)

    assert (answer.status_code, answer.json()["message"]) == (401, "The API key has expired.")


@pytest.mark.django_db
def test_a_key_is_refused_elsewhere_whatever_the_header_says(client, settings):
    headers = bearer(Scope.CUSTOMERS_READ)
    ApiKey.objects.update(allowed_networks=["192.0.2.0/24"])

    spoofed = client.get(CUSTOMERS, headers={**headers, "X-Forwarded-For": "192.0.2.1"})
    settings.TRUSTED_PROXIES = 1
    behind = client.get(CUSTOMERS, headers={**headers, "X-Forwarded-For": "192.0.2.1"})

    assert spoofed.status_code == 403
    assert spoofed.json() == {
        "code": "address_refused",
        "message": "The API key may not be used from 127.0.0.1.",
        "fields": {},
    }
    assert behind.status_code == 200


@pytest.mark.django_db
def test_too_many_requests_are_told_when_to_come_back(client):
    headers = bearer(Scope.CUSTOMERS_READ)
    ApiKey.objects.update(rate_limit=2)
    assert [client.get(CUSTOMERS, headers=headers).status_code for _ in range(2)] == [200, 200]

    answer = client.get(CUSTOMERS, headers=headers)

    assert answer.status_code == 429
    assert (answer.headers["Retry-After"], answer.headers["X-RateLimit-Reset"]) == ("30", "60")
    assert answer.json() == {
        "code": "too_many_requests",
        "message": "The API key has used up its 2 requests a minute; try again in 30 s.",
        "fields": {},
    }


@pytest.mark.django_db
def test_a_key_does_what_its_scopes_say_and_no_more(client):
    headers = bearer(Scope.CUSTOMERS_READ)

    assert client.get(CUSTOMERS, headers=headers).status_code == 200
    refused = client.post(CUSTOMERS, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    other = client.get(CUSTOMERS, headers=bearer(Scope.EVENTS_WRITE, name="other"))
    assert other.json()["message"] == "The API key lacks the scope 'customers:read'."


def test_errors_of_validation_name_the_field():
    error = exceptions.ValidationError({"a": {"b": ["is wrong"]}, "c": [{}, {"d": ["missing"]}]})

    answer = exception_handler(error, {})

    assert answer.status_code == 400
    assert answer.data["code"] == "invalid"
    assert answer.data["message"] == "a.b: is wrong; c[1].d: missing"
    assert answer.data["fields"] == {"a": {"b": ["is wrong"]}, "c": [{}, {"d": ["missing"]}]}


def test_a_database_that_is_away_is_no_fault_of_the_client():
    answer = exception_handler(OperationalError("host, user and all"), {})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.data["message"] == "The database is away; try again."


def test_what_django_does_not_find_has_a_code_too():
    answer = exception_handler(Http404("No Segment matches the given query."), {})

    assert (answer.status_code, answer.data["code"]) == (404, "not_found")
    assert answer.data["message"] == "No Segment matches the given query."


def test_an_error_of_ours_is_not_dressed_up():
    assert exception_handler(ZeroDivisionError(), {}) is None


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", ["x", "p", "p=abc", "p=1' OR 1", "p=²", f"p={'9' * 30}", "o=x"])
def test_a_made_up_cursor_is_refused(client, cursor):
    cursor = b64encode(cursor.encode()).decode()

    answer = client.get(CUSTOMERS, {"cursor": cursor}, headers=bearer(Scope.CUSTOMERS_READ))

    # Without a position it is the first page.
    assert answer.status_code == (200 if cursor == "eA==" else 404)
