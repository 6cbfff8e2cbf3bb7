"""Making and recognising API keys, also from the command line."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from lifecycle_engine.core.models import ApiKey, Scope
from lifecycle_engine.core.services import ApiKeyError, api_key_create, api_key_recognise

pytestmark = pytest.mark.django_db


def test_a_key_is_recognised_and_only_its_digest_is_kept():
    record, key = api_key_create(name="shop", scopes=[Scope.EVENTS_WRITE, Scope.EVENTS_WRITE])

    assert api_key_recognise(key) == record
    assert record.scopes == ["events:write"]
    secret = key.rsplit("_", 1)[1]
    assert all(secret not in str(value) for value in ApiKey.objects.values().get().values())


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("another secret", lambda key: key[:-1] + ("a" if key[-1] != "a" else "b")),
        ("another prefix", lambda key: key.replace("le_", "le_0")),
        ("another kind", lambda key: "x" + key),
        ("nothing", lambda key: ""),
        ("a NUL", lambda key: "le_\0_x"),
    ],
)
def test_another_key_is_not_recognised(_case, change):
    _, key = api_key_create(name="shop", scopes=[Scope.EVENTS_WRITE])

    assert api_key_recognise(change(key)) is None


def test_a_revoked_key_is_not_recognised():
    record, key = api_key_create(name="shop", scopes=[Scope.EVENTS_WRITE])
    ApiKey.objects.update(revoked_at=timezone.now())

    assert api_key_recognise(key) is None
    record.refresh_from_db()
    assert record.last_used_at is None


def test_use_is_noted_at_most_once_a_minute():
    _, key = api_key_create(name="shop", scopes=[Scope.EVENTS_WRITE])
    api_key_recognise(key)
    first = ApiKey.objects.get().last_used_at
    api_key_recognise(key)

    assert first is not None
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    api_key_recognise(key)
    assert ApiKey.objects.get().last_used_at > first - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("name", "scopes", "message"),
    [
        ("", ["events:write"], "name wants 1 to 90 printable characters, got ''"),
        ("n" * 91, ["events:write"], "name wants 1 to 90 printable characters"),
        ("a\nb", ["events:write"], "name wants 1 to 90 printable characters"),
        ("shop", [], "no scope is given; there is: customers:read"),
        ("shop", ["events:wite"], "unknown scope 'events:wite'; there is: customers:read"),
        ("taken", ["events:write"], "name 'taken' is taken"),
    ],
)
def test_a_key_that_can_not_be_made_is_refused(name, scopes, message):
    api_key_create(name="taken", scopes=["events:write"])

    with pytest.raises(ApiKeyError, match=message):
        api_key_create(name=name, scopes=scopes)

    assert ApiKey.objects.count() == 1


def test_the_command_prints_the_key_alone(capsys):
    scopes = ["--scope", "events:write", "--scope", "customers:read"]

    call_command("api_key", "create", "--name", "shop", *scopes)

    printed = capsys.readouterr()
    assert printed.err == ""
    assert api_key_recognise(printed.out.removesuffix("\n")).scopes == [
        "customers:read",
        "events:write",
    ]


def test_the_command_says_what_is_wrong(capsys):
    with pytest.raises(CommandError, match="unknown scope 'x'"):
        call_command("api_key", "create", "--name", "shop", "--scope", "x")

    assert capsys.readouterr().out == ""
    assert not ApiKey.objects.exists()
